/* SPDX-License-Identifier: BSD-3-Clause */
/* See one_mapping.h. The linker sends every call of hf_mapping_init and _done here. */
#include "one_mapping.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "os/region.h"

#define PARTS_MAX 64

/* A part of a file, and where it is mapped. */
struct part {
    dev_t device;
    ino_t inode;
    uint64_t offset;
    uint64_t size_bytes;
    struct hf_mapping mapping;
    size_t users; /* 0: the row is free */
};

static struct part parts[PARTS_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The linker's names (ld, --wrap). */
int real_init(struct hf_mapping *mapping, int fd, uint64_t offset, uint64_t size_bytes,
              struct hf_error *error) __asm__("__real_hf_mapping_init");
void real_done(struct hf_mapping *mapping) __asm__("__real_hf_mapping_done");
int wrapped_init(struct hf_mapping *mapping, int fd, uint64_t offset, uint64_t size_bytes,
                 struct hf_error *error) __asm__("__wrap_hf_mapping_init");
void wrapped_done(struct hf_mapping *mapping) __asm__("__wrap_hf_mapping_done");

static bool is_same(const struct part *part, const struct part *wanted)
{
    return part->users > 0 && part->device == wanted->device && part->inode == wanted->inode &&
           part->offset == wanted->offset && part->size_bytes == wanted->size_bytes;
}

static struct part *find_part(const struct part *wanted)
{
    for (size_t i = 0; i < PARTS_MAX; i++)
        if (is_same(&parts[i], wanted))
            return &parts[i];
    return NULL;
}

static struct part *free_part(void)
{
    for (size_t i = 0; i < PARTS_MAX; i++)
        if (parts[i].users == 0)
            return &parts[i];
    return NULL;
}

static int map_first(struct part *wanted, struct hf_mapping *mapping, int fd,
                     struct hf_error *error)
{
    struct part *part = free_part();
    int failed = real_init(mapping, fd, wanted->offset, wanted->size_bytes, error);

    if (failed < 0 || !part)
        return failed;
    *part = *wanted;
    part->mapping = *mapping;
    part->users = 1;
    return 0;
}

int wrapped_init(struct hf_mapping *mapping, int fd, uint64_t offset, uint64_t size_bytes,
                 struct hf_error *error)
{
    struct stat status = { 0 };
    int failed = 0;

    fstat(fd, &status);
    struct part wanted = {
        .device = status.st_dev, .inode = status.st_ino, .offset = offset, .size_bytes = size_bytes
    };
    pthread_mutex_lock(&mutex);
    struct part *part = find_part(&wanted);
    if (part) {
        part->users++;
        *mapping = part->mapping;
    } else {
        failed = map_first(&wanted, mapping, fd, error);
    }
    pthread_mutex_unlock(&mutex);
    return failed;
}

static struct part *part_at(const void *base)
{
    for (size_t i = 0; base && i < PARTS_MAX; i++)
        if (parts[i].users > 0 && parts[i].mapping.base == base)
            return &parts[i];
    return NULL;
}

void wrapped_done(struct hf_mapping *mapping)
{
    pthread_mutex_lock(&mutex);
    struct part *part = mapping ? part_at(mapping->base) : NULL;
    if (part && --part->users > 0)
        *mapping = (struct hf_mapping){ 0 };
    else
        real_done(mapping);
    pthread_mutex_unlock(&mutex);
}

size_t one_mapping_shared(void)
{
    size_t count = 0;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < PARTS_MAX; i++)
        count += parts[i].users > 1 ? parts[i].users - 1 : 0;
    pthread_mutex_unlock(&mutex);
    return count;
}
