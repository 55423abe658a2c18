/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One relayed device: a VMM on one side, a back-end on the other. Carries out what the relay core
 * (session/relay.h) decides, on real sockets and memory files. Guest memory and in-flight regions
 * are never mapped. It shows its host one pollable descriptor and a dispatch call; one thread owns
 * it; nothing blocks. A peer's mistake ends this device's session with it, nothing else.
 */
#ifndef HF_RELAY_DEVICE_H
#define HF_RELAY_DEVICE_H

#include "holdfast/fence.h"

#include "base/error.h"
#include "os/log.h"
#include "relay/type.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_RELAY_BACKENDS_MAX 8u
#define HF_RELAY_NAME_SIZE    64u
#define HF_RELAY_WHY_SIZE     512u

struct hf_loop;
struct hf_relay_device;

/* Strings are copied. */
struct hf_relay_device_config {
    const char *name;        /* of the device, in logs and status */
    const char *listen_path; /* where the VMM connects; NULL with the next two */
    int listen_fd;           /* -1, or a socket that listens; taken, always */
    int vmm_fd;              /* -1, or a connected socket; taken, always */
    const char *backends[HF_RELAY_BACKENDS_MAX]; /* sockets, the preferred first; NULL behind */
    const struct hf_relay_type *type;
    enum hf_fence fence;
    const char *fence_command; /* HF_FENCE_COMMAND */
    const char *state_path;    /* file that remembers the promise; NULL: none */
    uint32_t socket_mode;      /* of listen_path: 0600 */
    uint64_t reply_timeout_ns; /* no request of the VMM's waits longer, but a stop; 0: no limit */
    uint64_t stop_wait_ns;     /* GET_VRING_BASE while no back-end is there; 0: no limit */
    uint64_t hang_after_ns;    /* a ring with work and no progress so long is hung; 0: never */
    uint64_t wait_ns;          /* for the first back-end; 0: for ever */
    /* Where sockets are watched for, of many devices the same (see frontend.h); borrowed. NULL: in
     * the device's own. */
    struct hf_loop *path_loop;
    bool allow_lossy; /* also back-ends that do not track requests in flight */
};
/* Everything else zero: no names, no descriptors. */
extern const struct hf_relay_device_config hf_relay_device_config_default;

struct hf_relay_device_ops {
    void *host;
    /* A whole sentence, without the device's name. Never NULL. */
    void (*log)(void *host, const char *device, enum hf_log_level level, const char *text);
    /* Optional: one line a message, "vmm <- ..." or "back-end -> ...". */
    void (*trace)(void *host, const char *device, const char *line);
    /* Optional: something in the status has changed. */
    void (*changed)(void *host, const char *device);
    /* Optional: wait_ns is over, or vmm_fd's VMM has gone: nobody will be served any more. */
    void (*ended)(void *host, const char *device, const char *why);
};

enum hf_relay_phase {
    HF_RELAY_PHASE_WAITING,    /* for the first back-end: what may be offered is not known */
    HF_RELAY_PHASE_LISTENING,  /* for a VMM */
    HF_RELAY_PHASE_CONFIGURED, /* a VMM is there, no ring runs */
    HF_RELAY_PHASE_RUNNING,
    HF_RELAY_PHASE_AWAY,      /* a VMM is there, no back-end */
    HF_RELAY_PHASE_SWITCHING, /* to another back-end */
    HF_RELAY_PHASE_LEAVING,   /* the VMM has gone: its rings come to rest */
    HF_RELAY_PHASE_COUNT
};
const char *hf_relay_phase_name(enum hf_relay_phase phase);

/* All texts are copies. Times: CLOCK_REALTIME for `since_s`, durations else. */
struct hf_relay_status {
    char name[HF_RELAY_NAME_SIZE];
    const char *type;
    enum hf_relay_phase phase;
    int64_t since_s;    /* of this phase */
    int vmm_pid;        /* 0: none, or not visible */
    char vmm[128];      /* where it connects */
    int backend_pid;    /* 0: none, or not visible */
    char backend[128];  /* socket of the present or next one */
    bool backend_there; /* connected */
    bool tracked;       /* requests in flight are tracked: nothing is lost */
    uint16_t queues;    /* rings that were set up */
    uint64_t crashes;   /* losses of a back-end under running rings */
    uint64_t switches;
    uint64_t last_gap_ns;
    uint64_t last_pause_ns;        /* of the last switch */
    uint64_t outage_ns;            /* all gaps together, the present one too */
    uint32_t last_crash_in_flight; /* requests */
    char why[HF_RELAY_WHY_SIZE];   /* whom the rings wait for, else the last trouble, or empty */
};

/* Begins to listen and to dial. NULL with a sentence: -errno in *result (may be NULL). */
struct hf_relay_device *hf_relay_device_new(const struct hf_relay_device_config *config,
                                            const struct hf_relay_device_ops *ops, int *result,
                                            struct hf_error *error);
/* Hangs up both sides and closes everything. Not in a callback. NULL: nothing. */
void hf_relay_device_free(struct hf_relay_device *device);
int hf_relay_device_fd(const struct hf_relay_device *device);
void hf_relay_device_dispatch(struct hf_relay_device *device);
const char *hf_relay_device_name(const struct hf_relay_device *device);
void hf_relay_device_status(const struct hf_relay_device *device, struct hf_relay_status *status);

/* How a switch went: error 0 (`why` is what the user should know, or empty), or -errno with the
 * reason; the pause of the rings. */
typedef void hf_relay_switched(void *host, int error, const char *why, uint64_t pause_ns);
/* Moves the device to the back-end at `path`, under a running VMM. `done` is called once, in a
 * dispatch or (with -ECANCELED) in hf_relay_device_free. -EBUSY: one is under way. */
int hf_relay_device_switch(struct hf_relay_device *device, const char *path,
                           hf_relay_switched *done, void *host, struct hf_error *error);

/* Descriptors that one device may need at most: ours, plus those that its VMM passes. */
unsigned hf_relay_device_fds(const struct hf_relay_device_config *config);

#endif
