/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the rig only. */
#ifndef TESTS_RELAY_RIG_PARTS_H
#define TESTS_RELAY_RIG_PARTS_H

#include "relay_rig.h"

#define RELAY_RIG_PROTOCOL                                                                         \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |                                    \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |                           \
     HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) | HF_PROTOCOL_FEATURE(RESET_DEVICE) |                \
     HF_PROTOCOL_FEATURE(LOG_SHMFD) | HF_PROTOCOL_FEATURE(BACKEND_REQ))
#define RELAY_RIG_REGION_BYTES (RELAY_RIG_RINGS * 8192u)

int relay_rig_open_fd(struct relay_rig *rig);
/* One event, and all effects of it. */
void relay_rig_step(struct relay_rig *rig, struct hf_relay_event event);

#endif
