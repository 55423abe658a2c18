/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Units without a medium: mem: keeps its bytes in this process and loses them with it, null: reads
 * as zeros. Both answer inside submit. For measuring and for tests.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "target/unit_kinds.h"

struct mem_unit {
    struct hf_unit unit;
    uint8_t *bytes; /* NULL: null: */
    uint64_t size_bytes;
};

static void move(struct mem_unit *mem, struct hf_unit_io *io)
{
    uint8_t *at = mem->bytes + io->offset_bytes;

    for (unsigned i = 0; i < io->iov_count; i++) {
        if (io->action == HF_UNIT_ACTION_READ)
            memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
        else
            memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
        at += io->iov[i].iov_len;
    }
}

static void submit_mem(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    (void)lane;
    if (io->action != HF_UNIT_ACTION_FLUSH)
        move((struct mem_unit *)unit, io);
    io->done(io, 0);
}

static void submit_null(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    (void)unit;
    (void)lane;
    for (unsigned i = 0; io->action == HF_UNIT_ACTION_READ && i < io->iov_count; i++)
        memset(io->iov[i].iov_base, 0, io->iov[i].iov_len);
    io->done(io, 0);
}

static void close_mem(struct hf_unit *unit)
{
    struct mem_unit *mem = (struct mem_unit *)unit;

    if (mem->bytes)
        munmap(mem->bytes, mem->size_bytes);
    free(mem);
}

static const struct hf_unit_ops mem_ops = {
    .kind = "mem",
    .submit = submit_mem,
    .close = close_mem,
};

static const struct hf_unit_ops null_ops = {
    .kind = "null",
    .submit = submit_null,
    .close = close_mem,
};

static struct mem_unit *mem_new(const struct hf_unit_spec *spec, const struct hf_unit_ops *ops,
                                struct hf_error *error)
{
    uint32_t block_size = spec->block_size_bytes ? spec->block_size_bytes : 512;
    struct mem_unit *mem = calloc(1, sizeof(*mem));

    if (!mem) {
        hf_error_set(error, ENOMEM, "no memory");
        return NULL;
    }
    mem->unit.ops = ops;
    mem->unit.volatile_data = true;
    mem->size_bytes = spec->size_bytes;
    if (hf_unit_fill_facts(&mem->unit, spec, spec->size_bytes, block_size, error) < 0) {
        free(mem);
        return NULL;
    }
    return mem;
}

struct hf_unit *hf_unit_open_null(const struct hf_unit_spec *spec, struct hf_error *error)
{
    struct mem_unit *mem = mem_new(spec, &null_ops, error);

    return mem ? &mem->unit : NULL;
}

struct hf_unit *hf_unit_open_mem(const struct hf_unit_spec *spec, struct hf_error *error)
{
    struct mem_unit *mem = mem_new(spec, &mem_ops, error);

    if (!mem)
        return NULL;
    mem->bytes = mmap(NULL, mem->size_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem->bytes == MAP_FAILED) {
        hf_error_set(error, errno, "cannot reserve %" PRIu64 " bytes of memory: %s",
                     mem->size_bytes, strerror(errno));
        free(mem);
        return NULL;
    }
    return &mem->unit;
}
