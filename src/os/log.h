/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One line to standard error, whole, from any thread: "holdfast-target: warning: ...", or with
 * sd-daemon(3) prefixes ("<4>...") when standard error is the journal. For programs; the library
 * reports through callbacks and must not use this.
 */
#ifndef HF_OS_LOG_H
#define HF_OS_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum hf_log_level {
    HF_LOG_ERROR,
    HF_LOG_WARNING,
    HF_LOG_NOTICE,
    HF_LOG_INFO,
    HF_LOG_DEBUG,
    HF_LOG_LEVEL_COUNT,
};

/* `program` is borrowed for ever. Without this call: "holdfast", level NOTICE. */
void hf_log_init(const char *program);
void hf_log_set_level(enum hf_log_level level);
bool hf_log_enabled(enum hf_log_level level);

/* "error", "warning", "notice", "info", "debug". False if it is none of them. */
bool hf_log_parse_level(const char *word, enum hf_log_level *level);

void hf_log(enum hf_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* At most `burst` lines an `interval_ns`, per limit object (one thread owns it). */
struct hf_log_limit {
    uint64_t interval_ns;
    unsigned burst;
    unsigned used;
    unsigned suppressed;
    uint64_t since_ns;
};

/* True if the line may go now; then *suppressed says how many did not since the last one. */
bool hf_log_allowed(struct hf_log_limit *limit, uint64_t now_ns, unsigned *suppressed);

#endif
