/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening, closing and locking a unit of any kind; the missing unit. */
#include "target/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "target/unit_kinds.h"

/* Nobody submits to a missing LUN: its facts refuse every command that moves data. */
static void refuse(struct hf_unit *unit, struct hf_lane *lane, struct hf_unit_io *io)
{
    (void)unit;
    (void)lane;
    io->done(io, -ENODEV);
}

static void keep(struct hf_unit *unit)
{
    (void)unit;
}

static const struct hf_unit_ops missing_ops = {
    .kind = "missing",
    .submit = refuse,
    .close = keep,
};

struct hf_unit *hf_unit_missing(void)
{
    static struct hf_unit missing = {
        .ops = &missing_ops,
        .facts = { .kind = HF_LUN_KIND_MISSING },
        .name = "missing",
    };

    return &missing;
}

static struct hf_unit *(*const openers[HF_UNIT_KIND_COUNT])(const struct hf_unit_spec *spec,
                                                            struct hf_error *error) = {
    [HF_UNIT_KIND_PATH] = hf_unit_open_path,
    [HF_UNIT_KIND_MEM] = hf_unit_open_mem,
    [HF_UNIT_KIND_NULL] = hf_unit_open_null,
};

/* FNV-1a */
static uint64_t hash_of(const void *bytes, size_t size_bytes)
{
    const uint8_t *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

void hf_unit_hash_serial(struct hf_lun_facts *facts, const void *bytes, size_t size_bytes)
{
    snprintf(facts->serial, sizeof(facts->serial), "%016" PRIx64, hash_of(bytes, size_bytes));
}

int hf_unit_fill_facts(struct hf_unit *unit, const struct hf_unit_spec *spec, uint64_t size_bytes,
                       uint32_t block_size_bytes, struct hf_error *error)
{
    uint64_t rounded = size_bytes - size_bytes % block_size_bytes;

    if (size_bytes == 0)
        return hf_error_set(error, EINVAL, "size 0: a disk needs a size%s",
                            spec->path[0] != '\0' ? " (truncate -s 1G FILE)" : "");
    if (rounded != size_bytes)
        return hf_error_set(error, EINVAL,
                            "size %" PRIu64 " is not a multiple of the block size %u: make it "
                            "%" PRIu64 "%s",
                            size_bytes, block_size_bytes, rounded + block_size_bytes,
                            spec->path[0] != '\0' ? " (truncate -s SIZE FILE)" : "");
    unit->present = true;
    unit->facts = (struct hf_lun_facts){
        .kind = HF_LUN_KIND_DISK,
        .blocks = size_bytes / block_size_bytes,
        .block_size_bytes = block_size_bytes,
        .physical_exponent = block_size_bytes == 512 ? 3 : 0,
        .read_only = spec->read_only,
        .write_cache = spec->cache != HF_CACHE_WRITETHROUGH,
        .dpofua = true,
        .max_transfer_blocks = HF_UNIT_TRANSFER_MAX_BYTES / block_size_bytes,
    };
    memcpy(unit->facts.serial, spec->serial, sizeof(unit->facts.serial));
    return 0;
}

static struct hf_unit *wrap(struct hf_unit *unit, const struct hf_unit_spec *spec,
                            struct hf_error *error)
{
    struct hf_unit *wrapper;

    if (!unit || !spec->fault.present)
        return unit;
    wrapper = hf_unit_wrap_fault(unit, &spec->fault, error);
    if (!wrapper)
        hf_unit_close(unit);
    return wrapper;
}

struct hf_unit *hf_unit_open(const char *words, unsigned target, struct hf_error *error)
{
    struct hf_unit_spec spec;
    struct hf_unit *unit;

    if (hf_unit_spec_parse(words, &spec, error) < 0)
        return NULL;
    unit = wrap(openers[spec.kind](&spec, error), &spec, error);
    if (!unit) {
        hf_error_prefix(error, "unit '%s'", words);
        return NULL;
    }
    if (unit->facts.serial[0] == '\0') {
        char text[sizeof(spec.path)];
        int length = snprintf(text, sizeof(text), "%u %s", target, words);

        hf_unit_hash_serial(&unit->facts, text,
                            (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
    }
    snprintf(unit->name, sizeof(unit->name), "%s", words);
    return unit;
}

void hf_unit_close(struct hf_unit *unit)
{
    if (unit)
        unit->ops->close(unit);
}

bool hf_unit_lock_disabled(void)
{
#ifdef HF_TEST_WITHOUT_LOCK
    return true;
#else
    return false;
#endif
}

void hf_unit_set_service(struct hf_unit *unit, const char *socket_path)
{
    for (; unit != NULL; unit = unit->inner)
        unit->service = hash_of(socket_path, strlen(socket_path));
}

int hf_unit_lock_try(struct hf_unit *unit, struct hf_error *error)
{
    int ret;

    if (!unit->ops->lock || hf_unit_lock_disabled())
        return 0;
    ret = unit->ops->lock(unit, error);
    if (ret < 0)
        hf_error_prefix(error, "unit '%s'", unit->name);
    return ret;
}

void hf_unit_unlock(struct hf_unit *unit)
{
    if (unit->ops->unlock && !hf_unit_lock_disabled())
        unit->ops->unlock(unit);
}
