/* SPDX-License-Identifier: BSD-3-Clause */
/* A duration as a user writes it: "30", "1.5", "500ms", "30s", "5m". Seconds without a unit. */
#ifndef HF_BASE_DURATION_H
#define HF_BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#define HF_DURATION_MAX_NS UINT64_C(86400000000000) /* a day */

/* False, with *duration_ns untouched, if the word is no duration, or longer than a day. Digits
 * beyond the ninth behind the point are dropped. */
bool hf_duration_parse(const char *word, uint64_t *duration_ns);

#endif
