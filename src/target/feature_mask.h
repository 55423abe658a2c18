/* SPDX-License-Identifier: BSD-3-Clause */
/* Protocol features by name: what --mask-protocol-features says, what --print-capabilities prints.
 */
#ifndef HF_TARGET_FEATURE_MASK_H
#define HF_TARGET_FEATURE_MASK_H

#include <stdint.h>

#include "base/error.h"

/* "INFLIGHT_SHMFD,mq", "0x1008", mixed; added to *mask. 0, or -EINVAL with one line. */
int hf_feature_mask_parse(const char *list, uint64_t *mask, struct hf_error *error);

#endif
