/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device type means to the relay: a row of a table. Anything not in it is passed on. */
#ifndef HF_RELAY_TYPE_H
#define HF_RELAY_TYPE_H

#include "wire/payload.h"

#include <stdbool.h>
#include <stdint.h>

struct hf_relay_type {
    const char *name;            /* --device=NAME */
    uint16_t ring_count;         /* without MQ */
    uint16_t late_rings;         /* so many of the first begin after the others */
    uint64_t features_tolerated; /* a VMM has them by itself, whatever the back-end offers */
    /* A ring that has work must show progress (--hang-after); one where buffers wait, as scsi's
     * event ring, must not. */
    bool (*progresses)(uint16_t ring);
    /* Answers GET_CONFIG where the back-end has no CONFIG. Fills config->data, or returns false:
     * not there. NULL: never. */
    bool (*config)(uint16_t ring_count, struct hf_wire_config *config);
};

/* NULL: unknown. */
const struct hf_relay_type *hf_relay_type_of(const char *name);
/* All of them, the default (scsi) first; NULL behind the last. */
const struct hf_relay_type *hf_relay_type_at(unsigned index);

#endif
