/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices of one process, on one loop: added, found, removed, compared with what a
 * configuration says. One that ends by itself is removed. Knows no message.
 */
#ifndef HF_RELAY_FLEET_H
#define HF_RELAY_FLEET_H

#include "os/loop.h"
#include "relay/budget.h"
#include "relay/setup.h"

#include <stdbool.h>

struct hf_relay_fleet;

struct hf_relay_fleet_ops {
    void *host;
    /* A whole sentence about `device`. */
    void (*log)(void *host, const char *device, enum hf_log_level level, const char *text);
    /* NULL: no traces. */
    void (*trace)(void *host, const char *device, const char *line);
    /* Some device's status, or their number. */
    void (*changed)(void *host);
    /* The last device has ended by itself. `failed`: not because its one VMM has gone. */
    void (*deserted)(void *host, bool failed);
};

enum hf_relay_origin {
    HF_RELAY_ORIGIN_FILE, /* of the configuration, or the command line */
    HF_RELAY_ORIGIN_CALL, /* added while we ran: a reload leaves it alone */
    HF_RELAY_ORIGIN_COUNT
};

/* NULL: no memory. Borrows loop, ops and budget. */
struct hf_relay_fleet *hf_relay_fleet_new(struct hf_loop *loop,
                                          const struct hf_relay_fleet_ops *ops,
                                          struct hf_relay_budget *budget);
/* With all devices. Not in a callback of theirs. NULL: nothing. */
void hf_relay_fleet_free(struct hf_relay_fleet *fleet);

/* The setup is finished (relay/setup.h), and copied; its descriptors are taken, always. 0, or with
 * a sentence that has not the name: -EEXIST: another device has the name or the socket; -EMFILE;
 * -EINVAL: no socket for the VMM; what hf_relay_device_new may say. */
int hf_relay_fleet_add(struct hf_relay_fleet *fleet, const struct hf_relay_setup *setup,
                       enum hf_relay_origin origin, struct hf_error *error);
/* -ENOENT; -EBUSY: it has a VMM, and force is not set. Not in a callback of that device. */
int hf_relay_fleet_remove(struct hf_relay_fleet *fleet, const char *name, bool force,
                          struct hf_error *error);
/* NULL, with a sentence that has the names of those that are there. */
struct hf_relay_device *hf_relay_fleet_find(struct hf_relay_fleet *fleet, const char *name,
                                            struct hf_error *error);
/* In the order of their adding; NULL behind the last. */
struct hf_relay_device *hf_relay_fleet_at(const struct hf_relay_fleet *fleet, unsigned index);
unsigned hf_relay_fleet_count(const struct hf_relay_fleet *fleet);

struct hf_relay_reload {
    unsigned added;
    unsigned removed;
    unsigned changed;    /* made anew, with other words */
    unsigned left_alone; /* each said why, in the log */
    unsigned failed;     /* said in the log */
};
/* What the configuration now says. A device with a VMM is not touched. */
struct hf_relay_reload hf_relay_fleet_reload(struct hf_relay_fleet *fleet,
                                             const struct hf_relay_setup *setups, unsigned count);

#endif
