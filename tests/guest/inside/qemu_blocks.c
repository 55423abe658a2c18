/* SPDX-License-Identifier: BSD-3-Clause */
/* What the QEMU test runs in its guest, on a bare disk and past the guest's page cache: writes that
 * are always in flight, a heartbeat, buffers that must lie in memory that was plugged in. What is
 * wrong it says in a line that begins with @fault. Static and without our headers: it knows nothing
 * but Linux. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES  (16u << 10)
#define BLOCK_WORDS  (BLOCK_BYTES / sizeof(uint64_t))
#define PAGE_BYTES   4096u
#define THREADS_MAX  64u
#define READS_A_BEAT 16u
#define PAGES        512u
#define HALF         (PAGES / 2)
#define PIECE_BYTES  (8u << 20)
#define PIECES_MAX   32u

struct work {
    const char *device;
    unsigned blocks;
    unsigned threads;
    unsigned generation;
    bool once;   /* each block one time; else for ever */
    bool checks; /* what it wrote the round before */
};

struct worker {
    const struct work *work;
    unsigned number;
    pthread_t thread;
};

static void die(const char *what)
{
    printf("@fault %s: %s\n", what, strerror(errno));
    fflush(stdout);
    exit(1);
}

static int open_disk(const char *path)
{
    int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

    if (fd < 0)
        die(path);
    return fd;
}

static void *pages(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        die("mmap");
    memset(memory, 0, bytes);
    return memory;
}

/* Each write of one block differs from all others of it: a write that comes again is seen. */
static void stamp(uint64_t *words, unsigned block, unsigned generation, uint64_t round)
{
    for (size_t i = 0; i < BLOCK_WORDS; i += 4) {
        words[i] = block;
        words[i + 1] = generation;
        words[i + 2] = round;
        words[i + 3] = i;
    }
}

/* What was acknowledged in the round before is there, all of it, and nothing older or newer. */
static void check(int fd, uint64_t *found, uint64_t *expected, unsigned block)
{
    if (pread(fd, found, BLOCK_BYTES, (off_t)block * BLOCK_BYTES) != BLOCK_BYTES)
        die("read");
    if (memcmp(found, expected, BLOCK_BYTES) == 0)
        return;
    printf("@fault block %u: generation %llu round %llu, not %llu and %llu\n", block,
           (unsigned long long)found[1], (unsigned long long)found[2],
           (unsigned long long)expected[1], (unsigned long long)expected[2]);
    fflush(stdout);
    exit(1);
}

static void *write_blocks(void *argument)
{
    const struct worker *worker = argument;
    const struct work *work = worker->work;
    uint64_t *words = pages(BLOCK_BYTES), *found = pages(BLOCK_BYTES);
    int fd = open_disk(work->device);

    for (uint64_t round = 0; round == 0 || !work->once; round++) {
        if (!work->once)
            printf("@round %u %llu\n", worker->number, (unsigned long long)round);
        for (unsigned block = worker->number; block < work->blocks; block += work->threads) {
            stamp(words, block, work->generation, round - 1);
            if (work->checks && round > 0)
                check(fd, found, words, block);
            stamp(words, block, work->generation, round);
            if (pwrite(fd, words, BLOCK_BYTES, (off_t)block * BLOCK_BYTES) != BLOCK_BYTES)
                die("write");
        }
    }
    close(fd);
    return NULL;
}

static int write_all(const struct work *work)
{
    struct worker workers[THREADS_MAX];

    if (work->threads == 0 || work->threads > THREADS_MAX)
        return 2;
    for (unsigned i = 0; i < work->threads; i++) {
        workers[i] = (struct worker){ .work = work, .number = i };
        if (pthread_create(&workers[i].thread, NULL, write_blocks, &workers[i]) != 0)
            die("pthread_create");
    }
    for (unsigned i = 0; i < work->threads; i++)
        pthread_join(workers[i].thread, NULL);
    return 0;
}

/* write|flood|overwrite DEVICE BLOCKS THREADS GENERATION: for ever, and reads back; for ever; each
 * block once. */
static int run_write(int count, char **words)
{
    if (count != 6)
        return 2;
    struct work work = { .device = words[2],
                         .blocks = (unsigned)atoi(words[3]),
                         .threads = (unsigned)atoi(words[4]),
                         .generation = (unsigned)atoi(words[5]),
                         .once = strcmp(words[1], "overwrite") == 0,
                         .checks = strcmp(words[1], "write") == 0 };

    return write_all(&work);
}

/* beat DEVICE: reads, and a line for each so many that came back. A driver that never times out
 * says nothing when a request is lost: this does, by its silence. Far quicker than the writes, so
 * that requests end in another order than they began. */
static int run_beat(int count, char **words)
{
    if (count != 3)
        return 2;
    const struct timespec pause = { .tv_nsec = 5000000 };
    void *page = pages(PAGE_BYTES);
    int fd = open_disk(words[2]);

    for (unsigned i = 0;; i++) {
        if (pread(fd, page, PAGE_BYTES, (off_t)(i % 1024) * PAGE_BYTES) != PAGE_BYTES)
            die("read");
        if (i % READS_A_BEAT == 0)
            printf("@beat %u\n", i);
        nanosleep(&pause, NULL);
    }
}

/* The page frame: bits 0 to 54 of a word of pagemap (Linux, admin-guide/mm/pagemap). */
static uint64_t physical_of(int pagemap, const void *page)
{
    uint64_t word;
    off_t offset = (off_t)((uintptr_t)page / PAGE_BYTES * sizeof(word));

    if (pread(pagemap, &word, sizeof(word), offset) != sizeof(word))
        die("pagemap");
    return (word & ((UINT64_C(1) << 55) - 1)) * PAGE_BYTES;
}

/* Takes memory until enough pages of it lie where they should; the rest is in the way and stays. */
static unsigned find_pages(uint64_t address, uint64_t bytes, struct iovec found[PAGES])
{
    int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    unsigned count = 0;

    if (pagemap < 0)
        die("pagemap");
    for (unsigned piece = 0; piece < PIECES_MAX && count < PAGES; piece++) {
        uint8_t *memory = pages(PIECE_BYTES);

        for (size_t i = 0; i < PIECE_BYTES && count < PAGES; i += PAGE_BYTES)
            if (physical_of(pagemap, memory + i) - address < bytes)
                found[count++] = (struct iovec){ memory + i, PAGE_BYTES };
    }
    close(pagemap);
    return count;
}

static void fill(const struct iovec page[PAGES], uint64_t address)
{
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t *words = page[i].iov_base;

        for (size_t at = 0; at < PAGE_BYTES / sizeof(*words); at++)
            words[at] = address + i * UINT64_C(0x9E3779B97F4A7C15) + at;
    }
}

/* high DEVICE ADDRESS BYTES: data goes to the disk and comes back by way of pages that lie within
 * these bytes of physical memory, half of them out, half of them in. */
static int run_high(int count, char **words)
{
    if (count != 5)
        return 2;
    static struct iovec page[PAGES];
    uint64_t address = strtoull(words[3], NULL, 0), bytes = strtoull(words[4], NULL, 0);
    int fd = open_disk(words[2]);
    unsigned found = find_pages(address, bytes, page);

    if (found != PAGES)
        die("not enough pages there");
    fill(page, address);
    if (pwritev(fd, page, HALF, 0) != HALF * PAGE_BYTES ||
        preadv(fd, page + HALF, HALF, 0) != HALF * PAGE_BYTES)
        die("high");
    for (unsigned i = 0; i < HALF; i++)
        if (memcmp(page[i].iov_base, page[HALF + i].iov_base, PAGE_BYTES) != 0)
            die("what came back differs");
    printf("%u pages at %#llx\n", found, (unsigned long long)address);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(int count, char **words);
} commands[] = {
    { "write", run_write }, { "flood", run_write }, { "overwrite", run_write },
    { "beat", run_beat },   { "high", run_high },
};

int main(int count, char **words)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; count > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(words[1], commands[i].name) == 0)
            return commands[i].run(count, words);
    return 2;
}
