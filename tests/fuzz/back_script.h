/* SPDX-License-Identifier: BSD-3-Clause */
/* What a hostile front-end does to the back core, as records; and the scripts of honest ones. */
#ifndef TESTS_FUZZ_BACK_SCRIPT_H
#define TESTS_FUZZ_BACK_SCRIPT_H

#include "fuzz.h"

#include "session/back.h"

struct back_prefix {
    uint8_t ring_count; /* 0: the usual 4 */
    uint8_t flags;      /* BACK_OFFER_* */
    uint8_t slots;      /* 0: as many as there can be */
    uint8_t config_bytes;
    uint32_t unused; /* records are aligned to 8 */
};

#define BACK_OFFER_NO_PROTOCOL 1u /* bit 30 is not offered */
#define BACK_OFFER_ALL         2u /* every protocol feature, served or not */

/* `op`: a request's number below BACK_OP_DONE, with the rest of the bits taken off. */
#define BACK_OP_MASK    0x3fu
#define BACK_OP_DONE    0xc0u /* answers one awaited effect: the ring-th; a: 0 or what fails */
#define BACK_OP_HANG_UP 0xf8u

#define BACK_NEED_REPLY 1u
#define BACK_NO_FD      2u
#define BACK_RAW        4u /* numbers as they are, not made plausible */

struct back_record {
    uint8_t op;
    uint8_t ring;
    uint8_t flags;
    uint8_t count; /* regions */
    uint32_t a;
    uint64_t b;
    uint64_t c;
};

/* The message of a record, as the framer would deliver it, without its descriptors: false if it
 * would not. fd_count says how many it needs. */
bool back_script_message(const struct back_record *record, struct hf_message *message);

/* It is to be answered; protocol features were acknowledged before it and are, with it. */
bool back_script_is_question(const struct hf_message *message, uint64_t before, uint64_t now);

void back_script_seeds(void);

#endif
