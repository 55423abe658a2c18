/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread for each lot: one guest's memory is not to wait for another's. Pages go piece by piece
 * before the mapping does, since all other mappings of the process wait meanwhile; what it costs to
 * free a file that nobody else has comes last (the kernel closes it on the thread's way back); only
 * the session's own end, and the process's, wait for that.
 */
#include "target/unmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "os/guard.h"
#include "os/thread.h"
#include "target/worker_state.h"

/* Not worth a thread: a millisecond at most. */
#define LITTLE_BYTES (UINT64_C(2) << 20)
/* A multiple of all huge pages but the largest; those are few. */
#define PIECE_BYTES (UINT64_C(16) << 20)

struct hf_unmap {
    struct hf_mail mail;
    struct hf_crew *crew;
    void (*done)(void *context);
    void *context;
    pthread_t thread;
    uint64_t size_bytes;
    unsigned count;
    struct hf_mapping mappings[];
};

struct hf_unmap *hf_unmap_new(unsigned capacity)
{
    return calloc(1, sizeof(struct hf_unmap) + capacity * sizeof(struct hf_mapping));
}

void hf_unmap_add(struct hf_unmap *unmap, struct hf_mapping *mapping)
{
    hf_guard_remove(mapping);
    if (!unmap) {
        hf_mapping_done(mapping);
        return;
    }
    if (!mapping->base)
        return;
    unmap->size_bytes += mapping->length;
    unmap->mappings[unmap->count++] = *mapping;
    *mapping = (struct hf_mapping){ 0 };
}

/* A hint: where it does not work, the unmapping itself takes longer. */
static void drop_pages(const struct hf_mapping *mapping)
{
    for (uint64_t at = 0; at < mapping->length; at += PIECE_BYTES)
        madvise((uint8_t *)mapping->base + at, hf_min_u64(PIECE_BYTES, mapping->length - at),
                MADV_DONTNEED);
}

static void unmap_all(struct hf_unmap *unmap)
{
    for (unsigned i = 0; i < unmap->count; i++)
        hf_mapping_done(&unmap->mappings[i]);
}

static void *work(void *argument)
{
    struct hf_unmap *unmap = argument;

    pthread_setname_np(pthread_self(), "unmap");
    for (unsigned i = 0; i < unmap->count; i++)
        drop_pages(&unmap->mappings[i]);
    unmap_all(unmap);
    hf_crew_post(unmap->crew, &unmap->mail);
    return NULL;
}

static void run_done(struct hf_mail *mail)
{
    struct hf_unmap *unmap = HF_CONTAINER(mail, struct hf_unmap, mail);
    void (*done)(void *context) = unmap->done;
    void *context = unmap->context;

    if (done)
        pthread_join(unmap->thread, NULL);
    free(unmap);
    if (done)
        done(context);
}

bool hf_unmap_begin(struct hf_unmap *unmap, struct hf_crew *crew, void (*done)(void *context),
                    void *context)
{
    if (!unmap)
        return false;
    unmap->mail.run = run_done;
    unmap->crew = crew;
    unmap->done = done;
    unmap->context = context;
    if (unmap->size_bytes > LITTLE_BYTES && hf_thread_start(&unmap->thread, work, unmap) == 0)
        return true;
    unmap_all(unmap);
    free(unmap);
    return false;
}

void hf_unmap_abandon(struct hf_unmap *unmap)
{
    unmap->done = NULL;
    pthread_join(unmap->thread, NULL);
}
