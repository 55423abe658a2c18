/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One device with its host, its guest and its back-ends, in one thread and in its own time. The
 * host does what it is told and remembers what it wants; what must be true whatever happens is
 * looked at after each step.
 */
#ifndef MATRIX_STAND_H
#define MATRIX_STAND_H

#include "clock.h"
#include "peer.h"

#include "holdfast/device.h"

#include "device/device_private.h"

#define MX_LATER_MAX 12u

/* What the guest is when the event comes. */
enum mx_guest_kind {
    MX_GUEST_RUNS,   /* DRIVER_OK, and the VM runs */
    MX_GUEST_PAUSED, /* the same, and the VM does not */
    MX_GUEST_WAITS,  /* its queues are set up */
    MX_GUEST_LEGACY, /* the same, without VERSION_1 */
    MX_GUEST_KIND_COUNT
};

/* What the host and its guest want. */
struct mx_wish {
    bool realized, vm_running, set_up, driver_ok;
    bool armed, kicked; /* a kick would start the rings; one did */
    bool extra, log, masked;
    bool host_fails, start_failed;
};

struct mx_sight {
    enum hf_device_phase phase;
    bool at_rest, released;
    uint64_t sessions;
    unsigned told[HF_DEVICE_EVENT_COUNT];
    unsigned completed;
    unsigned resets; /* RESET_DEVICE that back-ends saw */
    uint64_t epoch;
};

struct mx {
    struct mx_verdict verdict;
    struct mx_guest guest;
    struct mx_peers peers;
    char folder[100];
    char path[108];
    struct hf_device *device;
    struct mx_wish wish;
    struct mx_sight before; /* the event */
    int64_t result;         /* of the event's call */
    unsigned told[HF_DEVICE_EVENT_COUNT];
    bool stopped_clean;
    uint8_t saved[8192]; /* a state, */
    size_t saved_bytes;  /* 0: none, or one of a guest that is gone */

    /* What is to go wrong; faults.c */
    enum sim_fault armed;
    unsigned armed_at; /* after so many messages */
    unsigned met;      /* how often something did */
    bool start_to_fail;
    unsigned extra_dispatches;
    uint64_t asleep_until_ns; /* the host does not dispatch */
    bool table_full;
    struct mx_persona poor;
    struct {
        uint64_t at_ns;
        void (*act)(struct mx *mx);
    } later[MX_LATER_MAX];
    unsigned later_count;
};

/* `own`: back-ends are of this process. */
void mx_stand_begin(struct mx *mx, bool own);
/* The device goes, and everything; descriptors must balance. */
void mx_stand_end(struct mx *mx);
void mx_make_device(struct mx *mx);
/* For all cases: the folder. */
bool mx_stand_open(struct mx *mx);
void mx_stand_close(struct mx *mx);

/* Everything that can happen now happens. */
void mx_rest(struct mx *mx);
/* The same, and time passes. */
void mx_pass(struct mx *mx, uint64_t duration_ns);
/* Until it is so; red if it takes longer. */
void mx_until(struct mx *mx, bool (*is_so)(const struct mx *mx), const char *what);
void mx_later(struct mx *mx, uint64_t delay_ns, void (*act)(struct mx *mx));
uint64_t mx_now_ns(void);

/* D H C R P as in the table; '-' no back-end is wanted, 'F' gave up. */
char mx_state_of(const struct mx *mx);
struct hf_device_info mx_info(const struct mx *mx);
struct mx_sight mx_look(const struct mx *mx);
bool mx_should_run(const struct mx *mx);

/* host.c: what the host does */
void mx_host_realize(struct mx *mx);
void mx_host_unrealize(struct mx *mx, uint64_t wait_ns);
void mx_host_set_up(struct mx *mx, enum mx_guest_kind kind);
void mx_host_driver_ok(struct mx *mx);
void mx_host_take_driver_away(struct mx *mx);
void mx_host_run_vm(struct mx *mx, bool running);
void mx_host_reset(struct mx *mx);
void mx_host_kick(struct mx *mx);
void mx_host_post(struct mx *mx, unsigned count);
void mx_host_add_extra(struct mx *mx);
void mx_host_remove_extra(struct mx *mx);
void mx_host_log(struct mx *mx, bool on);
void mx_host_mask(struct mx *mx, bool masked);
void mx_host_fail_binding(struct mx *mx);
void mx_host_save(struct mx *mx);
/* Saves, and the device forgets it all. */
void mx_host_save_and_reset(struct mx *mx);
void mx_host_load(struct mx *mx);
/* And makes another. */
void mx_host_free(struct mx *mx);
void mx_host_force_stop(struct mx *mx);
/* What ops.set_guest_notifiers does. */
int mx_host_bind(void *host, uint16_t queue_count, bool on);

/* faults.c */
struct mx_fault {
    void (*act)(struct mx *mx); /* may be NULL */
    bool before;                /* not with a message, but before one comes */
    bool lost;                  /* that message */
    enum sim_twist twist;       /* of the answer to it */
};
extern const struct mx_fault mx_faults[SIM_FAULT_COUNT];
void mx_fault_empty_table(struct mx *mx);

/* inject.c */
void mx_fault_arm(struct mx *mx, enum sim_fault fault, unsigned at);
/* All that was done to host and machine is over. */
void mx_fault_lift(struct mx *mx);
enum sim_twist mx_fault_judge(void *context, struct mx_process *process,
                              const struct hf_message *message, bool *lost);
void mx_fault_served(void *context, struct mx_process *process);

#endif
