/* SPDX-License-Identifier: BSD-3-Clause */
/* guest-tree write|verify FOLDER MIB SEED: a tree of files whose every word follows from the seed,
 * so that what comes back is compared with what was meant, and not with what a cache said it was.
 * Many threads, the page cache and O_DIRECT; every fourth file had other content before. A line
 * "@tree" is a heartbeat: by its silence it tells that a request is stuck. Static: it knows nothing
 * but Linux. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS     16u
#define FAN_OUT     8u
#define PAGE_BYTES  4096u
#define CHUNK_BYTES (128u << 10)
#define CHUNK_WORDS (CHUNK_BYTES / sizeof(uint64_t))
#define BEAT_BYTES  (2u << 20)
#define PATH_BYTES  256
#define TREE_MIB    4096u

struct tree {
    const char *folder;
    uint64_t seed;
    unsigned files;
    int (*visit)(struct tree *tree, unsigned file, uint64_t *chunks);
    const char *visited;
    atomic_uint next;
    atomic_ullong bytes;
    atomic_bool failed;
};

static const unsigned sizes_bytes[] = { 1u << 20, PAGE_BYTES, 300001,     64u << 10, 2u << 20,
                                        511,      77777,      132u << 10, 512u << 10 };

static unsigned size_of(unsigned file)
{
    return sizes_bytes[file % (sizeof(sizes_bytes) / sizeof(sizes_bytes[0]))];
}

/* O_DIRECT wants whole pages. */
static int direct_flag(unsigned file)
{
    return size_of(file) % PAGE_BYTES == 0 && file % 2 == 0 ? O_DIRECT : 0;
}

static bool is_rewritten(unsigned file)
{
    return file % 4 == 0;
}

static void name_file(const struct tree *tree, unsigned file, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%u/%u/%u/%u", tree->folder, file % FAN_OUT,
             file / FAN_OUT % FAN_OUT, file / FAN_OUT / FAN_OUT, file);
}

static int complain(const char *what, const char *path)
{
    printf("@fault %s %s: %s\n", what, path, strerror(errno));
    return -1;
}

/* splitmix64 of the place: no two places have the same word, nor has one place in two generations.
 */
static uint64_t word_at(const struct tree *tree, unsigned file, unsigned generation, uint64_t at)
{
    uint64_t place = (uint64_t)file << 40 | (uint64_t)generation << 36 | at;
    uint64_t mixed = tree->seed + (place + 1) * UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static void fill(const struct tree *tree, unsigned file, unsigned generation, unsigned offset,
                 uint64_t words[CHUNK_WORDS])
{
    for (size_t i = 0; i < CHUNK_WORDS; i++)
        words[i] = word_at(tree, file, generation, offset / sizeof(words[0]) + i);
}

static unsigned chunk_at(unsigned file, unsigned offset)
{
    unsigned left = size_of(file) - offset;

    return left < CHUNK_BYTES ? left : CHUNK_BYTES;
}

static void beat(struct tree *tree, unsigned bytes)
{
    unsigned long long before = atomic_fetch_add(&tree->bytes, bytes);

    if (before / BEAT_BYTES != (before + bytes) / BEAT_BYTES)
        printf("@tree %s %llu MiB\n", tree->visited, (before + bytes) >> 20);
}

static int write_generation(struct tree *tree, int fd, unsigned file, unsigned generation,
                            uint64_t *chunk)
{
    for (unsigned offset = 0; offset < size_of(file); offset += CHUNK_BYTES) {
        unsigned bytes = chunk_at(file, offset);

        fill(tree, file, generation, offset, chunk);
        if (pwrite(fd, chunk, bytes, offset) != (ssize_t)bytes)
            return -1;
        beat(tree, bytes);
    }
    return fsync(fd);
}

static int make_folders(const struct tree *tree, char *path)
{
    for (char *slash = path + strlen(tree->folder); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int status = mkdir(path, 0755);
        *slash = '/';
        if (status < 0 && errno != EEXIST)
            return complain("make folders of", path);
    }
    return 0;
}

static int write_file(struct tree *tree, unsigned file, uint64_t *chunks)
{
    char path[PATH_BYTES];

    name_file(tree, file, path);
    if (make_folders(tree, path) < 0)
        return -1;
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | direct_flag(file), 0644);
    if (fd < 0)
        return complain("create", path);
    int status = is_rewritten(file) ? write_generation(tree, fd, file, 0, chunks) : 0;
    if (status == 0)
        status = write_generation(tree, fd, file, 1, chunks);
    if (status < 0)
        complain("write", path);
    close(fd);
    return status;
}

/* Says where, and whether it is what was there before: a write that was lost, or came again late.
 */
static int compare(const struct tree *tree, unsigned file, unsigned offset, const uint64_t *found,
                   const uint64_t *expected)
{
    unsigned bytes = chunk_at(file, offset);

    if (memcmp(found, expected, bytes) == 0)
        return 0;
    for (unsigned i = 0; i < CHUNK_WORDS; i++) {
        uint64_t at = offset / sizeof(found[0]) + i;

        if (found[i] == expected[i])
            continue;
        printf("@fault file %u of %u bytes differs at %llu: %016llx%s\n", file, size_of(file),
               (unsigned long long)(at * sizeof(found[0])), (unsigned long long)found[i],
               found[i] == word_at(tree, file, 0, at) ? ", as it was before" : "");
        break;
    }
    return -1;
}

static int verify_content(struct tree *tree, int fd, unsigned file, uint64_t *chunks)
{
    uint64_t *found = chunks, *expected = chunks + CHUNK_WORDS;

    for (unsigned offset = 0; offset < size_of(file); offset += CHUNK_BYTES) {
        unsigned bytes = chunk_at(file, offset);

        if (pread(fd, found, CHUNK_BYTES, offset) != (ssize_t)bytes)
            return -1;
        fill(tree, file, 1, offset, expected);
        if (compare(tree, file, offset, found, expected) < 0)
            return -1;
        beat(tree, bytes);
    }
    return 0;
}

static int verify_file(struct tree *tree, unsigned file, uint64_t *chunks)
{
    char path[PATH_BYTES];
    struct stat now;

    name_file(tree, file, path);
    int fd = open(path, O_RDONLY | direct_flag(file));
    if (fd < 0 || fstat(fd, &now) < 0)
        return complain("open", path);
    errno = EBADMSG; /* unless a system call knows better */
    int status = now.st_size == size_of(file) ? verify_content(tree, fd, file, chunks) : -1;
    if (status < 0)
        complain("verify", path);
    close(fd);
    return status;
}

static void *visit_files(void *argument)
{
    struct tree *tree = argument;
    uint64_t *chunks =
        mmap(NULL, 2 * CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (chunks == MAP_FAILED) {
        complain("mmap for", tree->folder);
        atomic_store(&tree->failed, true);
        return NULL;
    }
    for (;;) {
        unsigned file = atomic_fetch_add(&tree->next, 1);

        if (file >= tree->files || atomic_load(&tree->failed))
            break;
        if (tree->visit(tree, file, chunks) < 0)
            atomic_store(&tree->failed, true);
    }
    munmap(chunks, 2 * CHUNK_BYTES);
    return NULL;
}

static int visit_all(struct tree *tree)
{
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, visit_files, tree) != 0)
            exit(1);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&tree->failed) ? 1 : 0;
}

static unsigned long long plan_files(struct tree *tree, unsigned mib)
{
    unsigned long long bytes = 0;

    while (bytes < (unsigned long long)mib << 20)
        bytes += size_of(tree->files++);
    return bytes;
}

int main(int count, char **words)
{
    struct tree tree = { 0 };
    unsigned mib = count == 5 ? (unsigned)atoi(words[3]) : 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (mib == 0 || mib > TREE_MIB)
        return 2;
    tree.folder = words[2];
    tree.seed = strtoull(words[4], NULL, 0);
    bool writes = strcmp(words[1], "write") == 0;
    tree.visited = writes ? "wrote" : "read";
    tree.visit = writes ? write_file : verify_file;
    unsigned long long bytes = plan_files(&tree, mib);

    if (visit_all(&tree) != 0)
        return 1;
    printf("@done %s %u files, %llu bytes\n", tree.visited, tree.files, bytes);
    return 0;
}
