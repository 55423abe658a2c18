/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which block comes next, and whether it is read or written: --rw as users of fio know it. Pure;
 * the same seed gives the same order. Knows no disk.
 */
#ifndef HF_BENCH_ACCESS_H
#define HF_BENCH_ACCESS_H

#include "base/random.h"

#include <stdbool.h>
#include <stdint.h>

struct hf_access_kind {
    const char *name;      /* static: "randread" */
    bool random;           /* or one block after the other, round and round */
    unsigned read_percent; /* 0, 100; 50 where --rwmixread may say another */
    bool mixed;            /* reads and writes, drawn by read_percent */
};

/* NULL: there is no such word. */
const struct hf_access_kind *hf_access_kind_find(const char *word);

struct hf_access {
    struct hf_access_kind kind;
    uint64_t block_count; /* at least 1 */
    uint64_t cursor;      /* the next block, if not random */
    struct hf_random random;
};

struct hf_access_step {
    uint64_t block; /* below block_count */
    bool write;
};

bool hf_access_writes(const struct hf_access_kind *kind);
struct hf_access_step hf_access_next(struct hf_access *access);

#endif
