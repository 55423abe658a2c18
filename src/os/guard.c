/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SIGBUS handler and the table it looks into. Writers hold a mutex; the handler takes no lock:
 *
 *     slot:  sequence even, start, end, owner      a mapping, or free (start == end)
 *            sequence odd                          being changed: not the mapping that faulted,
 *                                                  which stays registered while it is touched
 *
 * Chunks of slots are never freed, so the handler may walk them at any time.
 */
#include "os/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_SLOTS 64u

struct slot {
    _Atomic(uint32_t) sequence;
    _Atomic(uintptr_t) start;
    _Atomic(uintptr_t) end;
    _Atomic(struct hf_guard_owner *) owner;
};

struct chunk {
    struct slot slots[CHUNK_SLOTS];
    _Atomic(struct chunk *) next;
};

static struct chunk table;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t page_bytes;
static struct sigaction before;

/* ---- the handler: only what is async-signal-safe ---- */

static bool read_slot(struct slot *slot, uintptr_t address, struct hf_mapping *found,
                      struct hf_guard_owner **owner)
{
    uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_acquire);
    uintptr_t start = atomic_load_explicit(&slot->start, memory_order_acquire);
    uintptr_t end = atomic_load_explicit(&slot->end, memory_order_acquire);

    *owner = atomic_load_explicit(&slot->owner, memory_order_acquire);
    *found = (struct hf_mapping){ .base = (void *)start, .length = end - start };
    return sequence % 2 == 0 &&
           atomic_load_explicit(&slot->sequence, memory_order_relaxed) == sequence &&
           address >= start && address < end;
}

static bool find(uintptr_t address, struct hf_mapping *found, struct hf_guard_owner **owner)
{
    for (struct chunk *chunk = &table; chunk;
         chunk = atomic_load_explicit(&chunk->next, memory_order_acquire))
        for (unsigned i = 0; i < CHUNK_SLOTS; i++)
            if (read_slot(&chunk->slots[i], address, found, owner))
                return true;
    return false;
}

static bool put_zeros(void *at, size_t length)
{
    return mmap(at, length, PROT_READ | PROT_WRITE,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* All of it, since where one page is gone the next will be; or the page alone, where the process
 * may not have as much memory of its own. */
static bool mend(uintptr_t address)
{
    struct hf_mapping found;
    struct hf_guard_owner *owner;

    if (!find(address, &found, &owner))
        return false;
    if (!put_zeros(found.base, found.length) &&
        !put_zeros((void *)(address & ~(page_bytes - 1)), page_bytes))
        return false;
    hf_guard_lose(owner);
    return true;
}

/* The instruction runs again, and faults again, under whatever was there before us. */
static void pass_on(const siginfo_t *info)
{
    sigaction(SIGBUS, &before, NULL);
    if (info->si_code <= 0) /* sent by somebody: it does not come again by itself */
        raise(SIGBUS);
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    int code = errno;
    bool touched = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;

    (void)number;
    (void)context;
    if (!touched || !mend((uintptr_t)info->si_addr))
        pass_on(info);
    errno = code;
}

void hf_guard_lose(struct hf_guard_owner *owner)
{
    const uint64_t one = 1;

    if (atomic_exchange_explicit(&owner->lost, true, memory_order_acq_rel) || owner->wake_fd <= 0)
        return;
    if (write(owner->wake_fd, &one, sizeof(one)) < 0)
        return; /* an eventfd that is full wakes as well */
}

int hf_guard_install(void)
{
    struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
    struct sigaction old;
    int failed = 0;

    pthread_mutex_lock(&writers);
    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, NULL, &old) == 0 && old.sa_sigaction != on_sigbus)
        before = old;
    if (sigaction(SIGBUS, &action, NULL) < 0)
        failed = -errno;
    pthread_mutex_unlock(&writers);
    return failed;
}

/* ---- the table: under the mutex ---- */

static void write_slot(struct slot *slot, uintptr_t start, uintptr_t end,
                       struct hf_guard_owner *owner)
{
    uint32_t sequence = atomic_load_explicit(&slot->sequence, memory_order_relaxed);

    atomic_store_explicit(&slot->sequence, sequence + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->start, start, memory_order_release);
    atomic_store_explicit(&slot->end, end, memory_order_release);
    atomic_store_explicit(&slot->owner, owner, memory_order_release);
    atomic_store_explicit(&slot->sequence, sequence + 2, memory_order_release);
}

/* The slot that begins there; 0: a free one. NULL: there is none. */
static struct slot *slot_of(uintptr_t start)
{
    for (struct chunk *chunk = &table; chunk;
         chunk = atomic_load_explicit(&chunk->next, memory_order_relaxed))
        for (unsigned i = 0; i < CHUNK_SLOTS; i++)
            if (atomic_load_explicit(&chunk->slots[i].start, memory_order_relaxed) == start)
                return &chunk->slots[i];
    return NULL;
}

static struct slot *grow(void)
{
    struct chunk *last = &table;
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    struct chunk *next;

    if (!chunk)
        return NULL;
    while ((next = atomic_load_explicit(&last->next, memory_order_relaxed)))
        last = next;
    atomic_store_explicit(&last->next, chunk, memory_order_release);
    return &chunk->slots[0];
}

int hf_guard_add(const struct hf_mapping *mapping, struct hf_guard_owner *owner)
{
    uintptr_t start = (uintptr_t)mapping->base;

    pthread_mutex_lock(&writers);
    struct slot *slot = slot_of(0);
    if (!slot)
        slot = grow();
    if (slot)
        write_slot(slot, start, start + mapping->length, owner);
    pthread_mutex_unlock(&writers);
    return slot ? 0 : -ENOMEM;
}

void hf_guard_remove(const struct hf_mapping *mapping)
{
    if (!mapping->base)
        return;
    pthread_mutex_lock(&writers);
    struct slot *slot = slot_of((uintptr_t)mapping->base);
    if (slot)
        write_slot(slot, 0, 0, NULL);
    pthread_mutex_unlock(&writers);
}
