/* SPDX-License-Identifier: BSD-3-Clause */
/* Features by name or number: what --mask-features and --mask-protocol-features say. */
#ifndef HF_TARGET_FEATURE_MASK_H
#define HF_TARGET_FEATURE_MASK_H

#include <stdint.h>

#include "base/error.h"

/* One of the two sets of features there are. */
struct hf_feature_set {
    const char *option;  /* of the command line */
    const char *example; /* a name in it */
    const char *(*name)(unsigned bit);
    unsigned bit_count;
};

extern const struct hf_feature_set hf_virtio_feature_set;
extern const struct hf_feature_set hf_protocol_feature_set;

/* "INFLIGHT_SHMFD,mq", "inflight-shmfd", "0x1008", mixed; added to *mask. 0, or -EINVAL with one
 * line. */
int hf_feature_mask_parse(const struct hf_feature_set *set, const char *list, uint64_t *mask,
                          struct hf_error *error);

#endif
