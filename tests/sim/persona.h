/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose habits the reference back-end has. Facts from the vhost-user specification and from what
 * other back-ends are known to do (docs/protocol-support.md). */
#ifndef SIM_PERSONA_H
#define SIM_PERSONA_H

#include <stdbool.h>
#include <stdint.h>

struct sim_persona {
    const char *name;
    uint64_t features;
    uint64_t protocol;
    uint64_t queue_count; /* as GET_QUEUE_NUM answers */
    uint64_t slot_count;
    uint32_t stride_rounding;
    bool stops_all;     /* any GET_VRING_BASE stops all rings (DPDK) */
    bool waits_to_kick; /* a ring starts with the first signal on its kick, not with the message */
    bool own_base;      /* with a valid region, the base it is told is not looked at */
    bool empty_log_reply;
    bool sealed_region;      /* what GET_INFLIGHT_FD gives cannot be written by others */
    bool forgets_used_index; /* a fresh region's used_idx stays 0 (hazard H29) */
    bool trailer;            /* our config space, with the trailer */
};

extern const struct sim_persona sim_persona_ours;
extern const struct sim_persona sim_persona_logging; /* ours, and a dirty log */
extern const struct sim_persona sim_persona_dpdk;
extern const struct sim_persona sim_persona_libvhost;
extern const struct sim_persona sim_persona_yc;
extern const struct sim_persona sim_persona_plain; /* no REPLY_ACK, no INFLIGHT_SHMFD */
extern const struct sim_persona sim_persona_bare;  /* no protocol features at all */

#define SIM_PERSONA_COUNT 7
extern const struct sim_persona *const sim_personas[SIM_PERSONA_COUNT];
/* NULL: no such name. */
const struct sim_persona *sim_persona_named(const char *name);

#endif
