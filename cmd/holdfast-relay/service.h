/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running program: its devices and its control socket on one loop, signals and the service
 * manager around it. Knows no message.
 */
#ifndef HF_CMD_RELAY_SERVICE_H
#define HF_CMD_RELAY_SERVICE_H

#include "control/server.h"
#include "relay/budget.h"
#include "relay/config.h"
#include "relay/fleet.h"
#include "relay/methods.h"
#include "relay/options.h"

#include <systemd/sd-event.h>

struct service {
    const struct hf_relay_options *options;
    struct hf_relay_config config; /* as read last; without --config: the one device */
    struct hf_relay_budget budget;
    struct hf_loop loop;
    struct hf_relay_fleet *fleet;
    struct hf_relay_desk desk;
    struct hf_control_server *control;
    sd_event *event;
    struct hf_timer status_soon; /* to tell the service manager, not at every step */
    bool names_devices;          /* log lines say whose they are */
    bool ready;
    int status; /* to exit with */
};

/* Everything listens when it returns 0; else there is a sentence, and only service_done may
 * follow. Borrows the options. */
int service_init(struct service *service, const struct hf_relay_options *options,
                 struct hf_error *error);
/* Until SIGTERM, SIGINT, or until no device is left. Returns the exit status. */
int service_run(struct service *service);
/* Accepts a zeroed or half-made one. */
void service_done(struct service *service);

/* activation.c: sockets that the service manager passed go to the devices of their names, or one
 * to the only one. -EINVAL with a sentence if some fit nothing. */
int service_place_sockets(struct hf_relay_config *config, struct hf_error *error);

/* notify.c: the service manager's view. */
void service_tell_ready(const struct service *service);
void service_tell_reloading(void);
void service_tell_status(const struct service *service);

#endif
