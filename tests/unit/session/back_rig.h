/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back core with a model edge: it answers what it is asked (at once, or when told), writes down
 * all effects as words, and counts descriptors: each one that came must go somewhere, once.
 */
#ifndef TESTS_BACK_RIG_H
#define TESTS_BACK_RIG_H

#include "base/check.h"
#include "base/text.h"
#include "session/back.h"

#define RIG_RINGS 6u

struct rig {
    struct hf_back back;
    struct hf_back_effects effects;
    bool patient;             /* asks are not answered until rig_answer */
    int result;               /* of the edge's answers */
    uint16_t base;            /* it answers at a stop */
    unsigned asks;            /* not answered yet */
    enum hf_back_fault fault; /* last one reported, or hung up for; of the last rig_send */
    uint16_t asked[HF_BACK_EFFECTS_MAX];
    unsigned fds_came;
    unsigned fds_went;
    int next_fd;
    struct hf_text said;
    char buffer[4096];
};

/* Offers what the target offers. */
void rig_init(struct rig *rig);
/* The same, with these features acknowledged. */
void rig_negotiate(struct rig *rig, uint64_t features, uint64_t protocol_features);

/* A request with two numbers in the places its body has for them (u64 / index, num). Descriptors
 * as its row wants them. */
struct hf_message rig_message(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b);
/* Feeds it; what follows is in rig->said afterwards, separated by "; ". */
const char *rig_send(struct rig *rig, const struct hf_message *message);
const char *rig_do(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b);
/* The same with need_reply. */
const char *rig_ask(struct rig *rig, enum hf_request request, uint64_t a, uint64_t b);
/* Answers one ask that was left open, of this ring. */
const char *rig_answer(struct rig *rig, uint16_t ring);
const char *rig_hang_up(struct rig *rig);
/* Size, base, addresses, kick. */
void rig_start_ring(struct rig *rig, uint16_t ring);
/* Every descriptor that came has gone. */
void rig_expect_no_leak(const struct rig *rig);

struct hf_message rig_region(struct rig *rig, enum hf_request request, uint64_t guest,
                             uint64_t size_bytes);
struct hf_message rig_inflight(struct rig *rig, enum hf_request request, uint16_t queue_count,
                               uint16_t queue_size, uint64_t size_bytes);

#endif
