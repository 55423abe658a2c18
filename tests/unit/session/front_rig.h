/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A front core with a device of one ring, led by hand, and a back-end that answers whatever it is
 * asked but for one request. Whole lives are in tests/sim.
 */
#ifndef TESTS_FRONT_RIG_H
#define TESTS_FRONT_RIG_H

#include "session/front.h"

#define RIG_MS          UINT64_C(1000000)
#define RIG_REPLIES_MAX 32u

struct front_rig {
    struct hf_front front;
    struct hf_effects effects; /* of the last step */
    uint64_t now_ns;
    uint32_t mute; /* a request that is not answered; 0: none */
    unsigned reports[HF_REPORT_COUNT];
    struct hf_report last[HF_REPORT_COUNT];
    char detail[HF_FAULT_DETAIL_SIZE]; /* of the last step that reported */
    unsigned hang_ups;
    unsigned settles;
    unsigned answers;
    struct hf_effect answer; /* the last one */
    bool unsent;             /* effects.message has not left yet */
    struct hf_message replies[RIG_REPLIES_MAX];
    unsigned reply_count;
};

/* No phase but DOWN; outage_limit_ns 0: none. */
void front_rig_init(struct front_rig *rig, uint64_t outage_limit_ns);
/* One event at the present time. */
void front_rig_feed(struct front_rig *rig, enum hf_event_kind kind);
void front_rig_ask(struct front_rig *rig, enum hf_request request, uint32_t number);
/* The present session ends with this. */
void front_rig_lose(struct front_rig *rig, enum hf_fault fault, const char *why);
void front_rig_settle(struct front_rig *rig, const struct hf_settled *settled);
/* What is sent is answered until nothing is sent any more. */
void front_rig_serve(struct front_rig *rig);
/* From DOWN to RUNNING. */
void front_rig_run(struct front_rig *rig);
/* The deadline that is armed passes. */
void front_rig_wait(struct front_rig *rig);

#endif
