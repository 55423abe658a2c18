/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a user says a unit is: "disk.img,ro,block-size=4096,serial=X", "mem:1G", "null:1T",
 * "fault:delay=1ms,reorder=64,disk.img,cache=none". Words are separated by commas; ",," is a comma
 * inside a word. Parsing only: opens nothing.
 */
#ifndef HF_TARGET_UNIT_SPEC_H
#define HF_TARGET_UNIT_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "scsi/facts.h"

enum hf_unit_kind {
    HF_UNIT_KIND_PATH, /* file or block device */
    HF_UNIT_KIND_MEM,
    HF_UNIT_KIND_NULL,
    HF_UNIT_KIND_COUNT
};

enum hf_cache {
    HF_CACHE_WRITEBACK,    /* page cache, WCE 1 */
    HF_CACHE_WRITETHROUGH, /* every write durable before GOOD, WCE 0 */
    HF_CACHE_NONE,         /* O_DIRECT, WCE 1: the disk below has a cache */
    HF_CACHE_COUNT
};

/* All zero: no fault unit. */
struct hf_fault_spec {
    bool present;
    uint64_t delay_ns;    /* at most an hour */
    uint32_t reorder;     /* released in random order when so many wait, or after 1 ms */
    uint64_t crash_after; /* the n-th request from now on kills the process; 0 = never */
    uint64_t error_after; /* from the n-th request on: EIO; 0 = never */
    uint64_t hang_after;  /* from the n-th request on: never answered; 0 = never */
};

struct hf_unit_spec {
    enum hf_unit_kind kind;
    char path[4096];
    uint64_t size_bytes; /* mem, null */
    enum hf_cache cache;
    bool read_only;
    uint32_t block_size_bytes; /* 0 = by the medium */
    char serial[HF_SERIAL_SIZE];
    struct hf_fault_spec fault;
};

/* 0, or -EINVAL (-ENAMETOOLONG: a word is longer than any path) and one line that names the word
 * and what would be right. */
int hf_unit_spec_parse(const char *words, struct hf_unit_spec *spec, struct hf_error *error);
/* "512", "64k", "1G", "1T": bytes. 0, -EINVAL (not a size) or -ERANGE (no file is as long). */
int hf_unit_spec_size(const char *word, uint64_t *size_bytes);

#endif
