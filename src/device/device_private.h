/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device consists of, and what its files do for each other. For device/ only. */
#ifndef HF_DEVICE_DEVICE_PRIVATE_H
#define HF_DEVICE_DEVICE_PRIVATE_H

#include "holdfast/device.h"

#include "base/error.h"
#include "os/clock.h"
#include "frontend/frontend.h"
#include "ring/split.h"
#include "vscsi/config.h"

/* What the device asks of each back-end. */
enum hf_device_question {
    HF_DEVICE_QUESTION_TRAILER, /* does it fence its units itself? */
    HF_DEVICE_QUESTION_RESET,
    HF_DEVICE_QUESTION_COUNT
};

/* Where a queue's interrupts go. */
enum hf_call_route {
    HF_CALL_DIRECT,   /* from the back-end to the host's descriptor, or nowhere */
    HF_CALL_DIVERTED, /* to own_call, from there to ops.interrupt */
    HF_CALL_MASKED,   /* to own_call, where they wait */
    HF_CALL_ROUTE_COUNT
};

/* A queue's notifications, both ways. */
struct hf_device_line {
    struct hf_watch watch; /* of own_call; first */
    struct hf_device *device;
    uint16_t queue;
    enum hf_call_route route;
    int own_call;  /* -1: none was needed yet */
    int host_call; /* the host's, while MASKED; -1: none. Else it is in the plan */
    bool pending;  /* an interrupt was kept */
    bool own_kick; /* the plan's kick descriptor is of our making */
    bool bound;    /* its host notifier is on */
};

/* A legacy driver may have its requests served before DRIVER_OK (virtio 1.3 §3.1.2). */
enum hf_early_kick {
    HF_EARLY_KICK_OFF,
    HF_EARLY_KICK_ARMED,   /* a kick would start the rings */
    HF_EARLY_KICK_STARTED, /* one did */
    HF_EARLY_KICK_COUNT
};

/* What the last back-end said that finished the handshake: while the next one is asked, nothing
 * else is known. */
struct hf_device_peer {
    uint64_t offered;
    uint64_t protocol_offered;
    uint64_t protocol; /* negotiated */
    uint64_t queue_count;
    uint64_t slot_count;
};

struct hf_device {
    struct hf_frontend frontend;
    struct hf_frontend_ops frontend_ops;
    struct hf_device_ops ops;
    unsigned calling; /* callbacks of the host that run now */

    char *fence_command;
    uint64_t can; /* features, as configured */
    uint32_t realize_retries;
    uint32_t boot_target;
    uint16_t ring_size_max;
    bool big_endian_guest;
    uint8_t space[HF_VSCSI_CONFIG_SIZE_BYTES];

    bool realized;
    uint8_t status;
    uint8_t status_before; /* the last reset */
    bool vm_running;
    enum hf_early_kick early_kick;
    struct hf_ring rings[HF_QUEUE_COUNT_MAX];
    struct hf_device_queue queues[HF_QUEUE_COUNT_MAX]; /* the same as the guest gave them */
    struct hf_device_line lines[HF_QUEUE_COUNT_MAX];
    bool guest_bound; /* the host's guest notifiers are on */
    bool binding;     /* the host's operations are being called: no second round within */
    bool apply_owed;  /* something changed that `run` depends on */
    bool run;         /* rings run whenever a back-end is there */

    bool reset_untold;   /* NEEDS_RESET was set and the host does not know */
    bool memory_coming;  /* some was added, and rings may run that do not know it */
    bool memory_leaving; /* some was removed, and a back-end may still use it */
    bool log_changing;

    struct hf_device_peer peer;
    bool fences;         /* the present back-end says so */
    unsigned unanswered; /* how often in a row a back-end was gone before it told */
    uint64_t questions_owed;
    enum hf_device_question question; /* the one under way */
    uint32_t question_number;

    struct hf_error trouble; /* of the last LOST or REFUSED, */
    enum hf_fault fault;     /* and which it was */
    bool stopped_clean;
    uint32_t last_in_flight;
    uint64_t losses;
    uint64_t last_gap_ns;
    uint64_t gaps_ns; /* all of them that are over */
};

/* device.c: the handshake is done */
bool hf_device_is_connected(const struct hf_device *device);

/* config.c: everything of the configuration that needs no memory. */
int hf_device_take_config(struct hf_device *device, const struct hf_device_config *given,
                          struct hf_frontend_config *frontend, struct hf_error *error);

/* question.c */
void hf_device_ask(struct hf_device *device, enum hf_device_question question);
bool hf_device_reset_is_owed(const struct hf_device *device);
void hf_device_forget_questions(struct hf_device *device);
void hf_device_hear_answer(void *host, uint32_t number, int error, const struct hf_message *reply);
void hf_device_greet(struct hf_device *device); /* a back-end is connected */

/* event.c: what the front-end reports, and what the device says by itself */
void hf_device_hear_report(void *host, const struct hf_report *report, const char *text);
void hf_device_tell(struct hf_device *device, const struct hf_device_event *event);
void hf_device_tell_owed(struct hf_device *device);

/* dirty.c: marks the used rings in the dirty log, if there is one */
void hf_device_mark_rings(struct hf_device *device);

/* status.c: whether rings run follows from everything that was set */
int hf_device_apply(struct hf_device *device, struct hf_error *error);
void hf_device_apply_owed(struct hf_device *device);

/* call.c: without a descriptor of the host's, interrupts come to the host by its operation */
int hf_device_route_call(struct hf_device_line *line);
void hf_device_unroute_call(struct hf_device_line *line);

/* notify.c */
struct hf_device_line *hf_device_line(struct hf_device *device, uint16_t queue); /* or NULL */
int hf_device_bind(struct hf_device *device, struct hf_error *error);
void hf_device_unbind(struct hf_device *device);
void hf_device_unbind_at_rest(struct hf_device *device);
void hf_device_lines_init(struct hf_device *device);
void hf_device_lines_done(struct hf_device *device);

/* log.c: there is none, or it has room for guest memory up to `end` */
bool hf_device_log_covers(const struct hf_device *device, uint64_t end);

/* queue.c: judge a ring, then lay it into the plan; no epoch ends */
int hf_device_judge_ring(const struct hf_device *device, uint16_t queue,
                         const struct hf_device_queue *setup);
void hf_device_lay_ring(struct hf_device *device, uint16_t queue,
                        const struct hf_device_queue *setup, uint16_t base);
void hf_device_end_epoch(struct hf_device *device);

#endif
