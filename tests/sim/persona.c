/* SPDX-License-Identifier: BSD-3-Clause */
/* The personas. */
#include "persona.h"

#include "wire/feature.h"

#include <string.h>

#define RINGS                                                                                      \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(ANY_LAYOUT))
#define VHOST_USER (RINGS | HF_FEATURE(PROTOCOL_FEATURES))
#define LOGGING    (VHOST_USER | HF_FEATURE(LOG_ALL))

#define LOGS       (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(LOG_SHMFD))
#define LOGS_AND_TRACKS                                                                            \
    (LOGS | HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD))
#define OURS                                                                                       \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |                           \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                \
     HF_PROTOCOL_FEATURE(BACKEND_REQ))

/* holdfast-target. */
const struct sim_persona sim_persona_ours = {
    .name = "ours",
    .features = VHOST_USER,
    .protocol = OURS,
    .queue_count = 16,
    .slot_count = 32,
    .stride_rounding = 64,
    .trailer = true,
};

/* What it would be with a dirty log: slots, acknowledgements, a log and a reset in one session. */
const struct sim_persona sim_persona_logging = {
    .name = "logging",
    .features = LOGGING,
    .protocol = OURS | HF_PROTOCOL_FEATURE(LOG_SHMFD),
    .queue_count = 16,
    .slot_count = 32,
    .stride_rounding = 64,
    .trailer = true,
};

/* DPDK and SPDK: the negotiated set seen in the field is 0x11cbf. */
const struct sim_persona sim_persona_dpdk = {
    .name = "dpdk",
    .features = LOGGING,
    .protocol = 0x11cbf,
    .queue_count = 16,
    .stride_rounding = 64,
    .stops_all = true,
    .empty_log_reply = true,
    .forgets_used_index = true,
};

const struct sim_persona sim_persona_libvhost = {
    .name = "libvhost",
    .features = LOGGING,
    .protocol = LOGS_AND_TRACKS | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS),
    .queue_count = 16,
    .slot_count = 509,
    .stride_rounding = 64,
    .own_base = true,
    .forgets_used_index = true,
};

const struct sim_persona sim_persona_yc = {
    .name = "yc",
    .features = LOGGING,
    .protocol = LOGS_AND_TRACKS,
    .queue_count = 16,
    .stride_rounding = 1,
    .waits_to_kick = true,
};

const struct sim_persona sim_persona_plain = {
    .name = "plain",
    .features = LOGGING,
    .protocol = LOGS,
    .queue_count = 16,
    .waits_to_kick = true,
};

const struct sim_persona sim_persona_bare = {
    .name = "bare",
    .features = RINGS,
    .waits_to_kick = true,
};

const struct sim_persona *const sim_personas[SIM_PERSONA_COUNT] = {
    &sim_persona_ours, &sim_persona_logging, &sim_persona_dpdk, &sim_persona_libvhost,
    &sim_persona_yc,   &sim_persona_plain,   &sim_persona_bare,
};

const struct sim_persona *sim_persona_named(const char *name)
{
    for (unsigned i = 0; i < SIM_PERSONA_COUNT; i++)
        if (strcmp(sim_personas[i]->name, name) == 0)
            return sim_personas[i];
    return NULL;
}
