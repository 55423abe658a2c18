/* SPDX-License-Identifier: BSD-3-Clause */
/* What may be asked of a relay on its control socket: status, switch, add, remove, set-log-level.
 */
#ifndef HF_RELAY_METHODS_H
#define HF_RELAY_METHODS_H

#include "control/rpc.h"
#include "relay/fleet.h"

/* The host of the methods. */
struct hf_relay_desk {
    struct hf_relay_fleet *fleet;
    const struct hf_relay_budget *budget;
    const char *version;
};

extern const struct hf_rpc_method hf_relay_methods[];

#endif
