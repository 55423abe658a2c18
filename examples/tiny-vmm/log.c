/* SPDX-License-Identifier: BSD-3-Clause */
/* One bit a page, shared with the back-end. */
#include "log.h"

#include "say.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BYTES_OF_A_BYTE (8u * MEMORY_PAGE_BYTES)

static uint64_t end_of(const struct memory *memory)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < memory->part_count; i++) {
        uint64_t last = memory->parts[i].guest_address + memory->parts[i].size_bytes;

        end = last > end ? last : end;
    }
    return end;
}

void log_init(struct log *log, const struct memory *memory)
{
    *log = (struct log){ .fd = memfd_create("tiny-vmm-log", MFD_CLOEXEC),
                         .size_bytes = end_of(memory) / BYTES_OF_A_BYTE + 1 };
    if (log->fd < 0 || ftruncate(log->fd, (off_t)log->size_bytes) < 0)
        fail("cannot make a log: %s", strerror(errno));
    void *bits = mmap(NULL, log->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, log->fd, 0);
    if (bits == MAP_FAILED)
        fail("cannot map a log: %s", strerror(errno));
    log->bits = bits;
}

void log_done(struct log *log)
{
    munmap(log->bits, log->size_bytes);
    close(log->fd);
}

static bool is_settled(const struct vmm *vmm)
{
    return hf_device_log_settled(vmm->device);
}

void log_begin(struct log *log, struct vmm *vmm)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_set_log(vmm->device, log->fd, 0, log->size_bytes, &error), 0,
               "hf_device_set_log", &error);
    vmm_run(vmm, is_settled, "the log to be in effect");
}

void log_end(struct vmm *vmm)
{
    hf_device_end_log(vmm->device);
    vmm_run(vmm, is_settled, "the log to be over");
}

bool log_has(const struct log *log, uint64_t page)
{
    return (__atomic_load_n(&log->bits[page / 8], __ATOMIC_ACQUIRE) >> page % 8 & 1) != 0;
}

bool log_take(struct log *log, uint64_t page)
{
    uint8_t bit = (uint8_t)(1u << page % 8);

    if (!log_has(log, page))
        return false;
    __atomic_fetch_and(&log->bits[page / 8], (uint8_t)~bit, __ATOMIC_ACQ_REL);
    return true;
}

uint64_t log_count(const struct log *log)
{
    uint64_t count = 0;

    for (uint64_t i = 0; i < log->size_bytes; i++)
        count += (uint64_t)__builtin_popcount(log->bits[i]);
    return count;
}
