/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user-scsi device that a virtual machine monitor (VMM, the host) embeds. It connects to
 * a back-end, is a virtio-scsi device to the guest, and stays one while back-ends crash, restart
 * and are upgraded: every request that the guest posted completes once.
 *
 * Life: hf_device_new, hf_device_realize, what the guest and the host do, hf_device_unrealize,
 * hf_device_free. One thread at a time owns a device; every call is legal in every state from that
 * thread. Nothing blocks unless its comment says so. The host polls hf_device_fd for input, then
 * calls hf_device_dispatch: from there come all callbacks, and from the calls that wait, and from
 * no others unless their comment says so. Callbacks may call the device, except hf_device_free; a
 * call that waits returns -EDEADLK in one.
 *
 * Queues: 0 control, 1 event, from 2 on requests (virtio 1.3 §5.6.2). "At rest": no back-end,
 * living or dying, can touch the rings, and it is known where they stand. -EINVAL is always: no
 * such queue, or a value that the comment excludes.
 */
#ifndef HOLDFAST_DEVICE_H
#define HOLDFAST_DEVICE_H

#include <holdfast/error.h>
#include <holdfast/fault.h>
#include <holdfast/fence.h>
#include <holdfast/memory.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hf_device;

/* ---- configuration --------------------------------------------------------------------------- */

#define HF_NUM_QUEUES_AUTO UINT32_MAX /* one for each vCPU, at most HF_NUM_QUEUES_MAX */
#define HF_NUM_QUEUES_MAX  254u
#define HF_RETRIES_FOREVER UINT32_MAX

/* Names and defaults of the properties are those of QEMU's vhost-user-scsi. Times are nanoseconds,
 * 0 = no limit where not said otherwise. */
struct hf_device_config {
    size_t size_bytes; /* set by hf_device_config_init */

    const char *socket_path; /* of the back-end; copied. One of the two must be given */
    int socket_fd;           /* -1; or a connected socket: *taken* if hf_device_new succeeds. After
                                its end the path is dialled, or without one the device fails */

    uint32_t num_queues;     /* request queues; HF_NUM_QUEUES_AUTO */
    uint32_t vcpus;          /* for AUTO; 0 counts as 1 */
    uint32_t virtqueue_size; /* 128: largest size of a queue; a power of two, 4 to 1024 */
    uint32_t max_sectors;    /* 0xFFFF; of 512 bytes, a request at most; not 0 */
    uint32_t cmd_per_lun;    /* 128; not 0 */
    uint32_t boot_tpgt;      /* 0: target of the boot disk, at most 255 */
    bool hotplug;            /* on: offer SCSI_HOTPLUG */
    bool param_change;       /* on: offer SCSI_CHANGE */
    bool t10_pi;             /* off; on is refused (-EOPNOTSUPP) */
    bool big_endian_guest;   /* off; on: a guest without VERSION_1 is refused when it starts */

    uint32_t realize_retries;  /* 3, so up to 4 tries; HF_RETRIES_FOREVER */
    uint64_t dial_timeout_ns;  /* 5 s: from dial to an open socket; not 0 */
    uint64_t reply_timeout_ns; /* 10 s: of each answer */
    uint64_t stop_timeout_ns;  /* 60 s: of GET_VRING_BASE, which waits for I/O in flight */
    uint64_t backoff_first_ns; /* 1 ms: the first wait between dials; each next one is doubled */
    uint64_t backoff_last_ns;  /* 250 ms: the longest; neither is 0, nor this the shorter */
    uint64_t backoff_slow_ns;  /* 2 s: while a request seems to kill back-ends; not 0 */
    uint64_t backoff_reset_ns; /* 1 s: a session this long, with progress, ends the doubling */
    uint64_t outage_limit_ns;  /* 0: the device waits for a back-end for ever */

    enum hf_fence fence;       /* HF_FENCE_EXIT */
    const char *fence_command; /* with HF_FENCE_COMMAND: run by sh, HOLDFAST_PID (0: unknown) and
                                  HOLDFAST_SOCKET in its environment; copied */
    uint64_t protocol_mask;    /* 0: vhost-user protocol features not to use, by bit */
};

/* Writes the defaults; `size_bytes` is sizeof(*config) as the host was compiled. */
void hf_device_config_init(struct hf_device_config *config, size_t size_bytes);

/* ---- events ---------------------------------------------------------------------------------- */

enum hf_device_event_kind {
    HF_DEVICE_EVENT_CONNECTED,     /* the handshake is done: features and status are known */
    HF_DEVICE_EVENT_REALIZED,      /* the first of them */
    HF_DEVICE_EVENT_STARTED,       /* all rings run; .recovered, then .gap_ns and .in_flight */
    HF_DEVICE_EVENT_STOPPED,       /* at rest; .clean, or after a crash with .in_flight. Also of a
                                      start that was not over: no STARTED before it */
    HF_DEVICE_EVENT_LOST,          /* .fault; the rings are not yet at rest (a STOPPED follows) */
    HF_DEVICE_EVENT_REFUSED,       /* the same; it may not serve us: text names what is missing */
    HF_DEVICE_EVENT_REQUEST_KILLS, /* one request was the oldest in flight when three short sessions
                                      ended: .queue, .head; dialling goes on slowly */
    HF_DEVICE_EVENT_FENCE,         /* whom the rings wait for, or why for nobody */
    HF_DEVICE_EVENT_FAILED,        /* gave up: .fault; hf_device_realize leaves this state */
    HF_DEVICE_EVENT_HOST_FAILED,   /* an operation of the host failed after a stop, or its dirty log
                                      cannot be marked: .error */
    HF_DEVICE_EVENT_NEEDS_RESET,   /* status has NEEDS_RESET: interrupt for a config change */
    HF_DEVICE_EVENT_MEMORY_READY,  /* see hf_device_memory_ready */
    HF_DEVICE_EVENT_MEMORY_RELEASED, /* see hf_device_memory_released */
    HF_DEVICE_EVENT_LOG_SETTLED,     /* see hf_device_log_settled */
    HF_DEVICE_EVENT_COUNT
};

/* Valid during the callback. Fields are added at the end. */
struct hf_device_event {
    enum hf_device_event_kind kind;
    enum hf_fault fault; /* LOST, REFUSED, FAILED */
    int error;           /* the same as a positive errno; HOST_FAILED; else 0 */
    const char *text;    /* a whole sentence for a log; never NULL */
    bool will_retry;     /* LOST, REFUSED: another try follows; false: FAILED does */
    bool recovered;      /* STARTED: after the loss of a back-end that ran rings */
    bool clean;          /* STOPPED: nothing was in flight */
    uint16_t queue;      /* REQUEST_KILLS */
    uint16_t head;       /* REQUEST_KILLS: its first descriptor */
    uint32_t in_flight;  /* STARTED, STOPPED: requests that the lost back-end had not answered */
    uint64_t gap_ns;     /* STARTED: since the loss */
};

/* What the device asks of its host. Each may be NULL. */
struct hf_device_ops {
    size_t size_bytes; /* sizeof(struct hf_device_ops) as the host was compiled */
    void *host;        /* handed to each of them */
    /* In order of occurrence. */
    void (*event)(void *host, const struct hf_device_event *event);
    /* One line a vhost-user message sent or received. */
    void (*trace)(void *host, const char *line);
    /*
     * The guest's notifications of this queue go to its kick descriptor, without the host (on), or
     * to the host again (off). Called at a start and after a stop, for each queue that is set up;
     * called from hf_device_set_status, _set_vm_running, _kick and _load too. 0 or -errno: the
     * start fails with "Error enabling host notifiers", and what was switched on is switched off
     * again. NULL: the host calls hf_device_kick.
     */
    int (*set_host_notifier)(void *host, uint16_t queue, bool on);
    /*
     * Interrupts of queues 0..queue_count-1 go from their call descriptors to the guest. After the
     * one above, off before it. 0 or -errno: "Error binding guest notifier". NULL: as hf_device
     * _set_call gave them, or by `interrupt`; without any the start fails with -ENOSYS, "binding
     * does not support guest notifiers".
     */
    int (*set_guest_notifiers)(void *host, uint16_t queue_count, bool on);
    /* A queue without a call descriptor wants the guest to be interrupted. */
    void (*interrupt)(void *host, uint16_t queue);
};

/* ---- life ------------------------------------------------------------------------------------ */

/*
 * Checks and copies everything; dials nothing. The device is the caller's, to be freed. Errors, the
 * value named: -EINVAL; -ENAMETOOLONG: the path does not fit a socket address; -EOPNOTSUPP: t10_pi;
 * -E2BIG: a newer header's config with a field set that this library does not know; -EMFILE,
 * -ENOMEM. On failure *device is NULL and socket_fd stays the caller's.
 */
int hf_device_new(struct hf_device **device, const struct hf_device_config *config,
                  const struct hf_device_ops *ops, struct hf_error *error);
/* Hangs up at once, closes and frees all; no callback comes any more, not even of notifiers. NULL
 * is fine. Does not block. Not from a callback. */
void hf_device_free(struct hf_device *device);

/* One descriptor to poll for input, for the device's life; borrowed. */
int hf_device_fd(const struct hf_device *device);
/* Does what there is to do. Does not wait; may read, copy and lock an in-flight region (of at most
 * 256 MiB). In a callback: does nothing. */
void hf_device_dispatch(struct hf_device *device);

/*
 * Connects to the back-end and agrees on features. Each failed try is an event whose text begins
 * "Reconnecting after error: ". After it has succeeded, losses are repaired without end (or until
 * the outage limit). Realized already: 0. *Waits*, at most timeout_ns (0 = without limit), and
 * dispatches meanwhile. Fails with the last try's error (-ECONNREFUSED, -ECONNRESET, -ETIMEDOUT,
 * -EPROTO, -EPROTONOSUPPORT) or -ETIMEDOUT at its own end; then nothing is dialled any more.
 */
int hf_device_realize(struct hf_device *device, uint64_t timeout_ns, struct hf_error *error);
/* The same without waiting: REALIZED or FAILED tells how it ended. */
void hf_device_realize_begin(struct hf_device *device);
/*
 * Resets the device (below), stops the rings, *waits* at most stop_wait_ns (0 = not at all) until
 * they are at rest, hangs up and switches the host's notifiers off in any case. May be realized
 * again. -ETIMEDOUT: not at rest in time; -EIO: after a crash, the sentence says how many requests
 * were in flight.
 */
int hf_device_unrealize(struct hf_device *device, uint64_t stop_wait_ns, struct hf_error *error);

/* ---- virtio: features, configuration, status ------------------------------------------------- */

/* What may be offered to the driver: what the device can do and its configuration wants, masked by
 * what the back-end offers. The host takes away what its transport cannot do. Known since REALIZED,
 * 0 before, and constant from then on: a back-end that offers less is refused by name. */
uint64_t hf_device_get_features(const struct hf_device *device);
/* What the driver acknowledged. -EINVAL: a bit that was not offered; -EBUSY: after DRIVER_OK. */
int hf_device_set_features(struct hf_device *device, uint64_t features);

#define HF_DEVICE_CONFIG_SPACE_BYTES 36u /* struct virtio_scsi_config (virtio 1.3 §5.6.4) */
/* Copies a part of the configuration space, little-endian; -EINVAL: beyond its end. */
int hf_device_read_config(const struct hf_device *device, uint32_t offset, void *bytes,
                          size_t size_bytes);
/* What the driver writes: fields that it may not write are left. sense_size and cdb_size cannot be
 * changed: another value than theirs sets NEEDS_RESET and stops the rings until the guest resets
 * the device (an event tells), and returns -EOPNOTSUPP. */
int hf_device_write_config(struct hf_device *device, uint32_t offset, const void *bytes,
                           size_t size_bytes);

/* virtio 1.3 §2.1 */
#define HF_VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define HF_VIRTIO_STATUS_DRIVER      0x02u
#define HF_VIRTIO_STATUS_DRIVER_OK   0x04u
#define HF_VIRTIO_STATUS_FEATURES_OK 0x08u
#define HF_VIRTIO_STATUS_NEEDS_RESET 0x40u
#define HF_VIRTIO_STATUS_FAILED      0x80u

/*
 * As the driver writes it. With DRIVER_OK (and the VM running) the rings start as soon as there is
 * a back-end; without it they stop; 0 is a reset. A start that the host's side cannot do fails
 * here, with what it had switched on switched off again, and is tried again at the next change:
 * -ENOSYS, -EOPNOTSUPP (a big-endian guest without VERSION_1), or what an operation returned.
 */
int hf_device_set_status(struct hf_device *device, uint8_t status, struct hf_error *error);
/* For the driver to read: what was set, and NEEDS_RESET. After a reset it stays what it was until
 * the device is at rest: a driver that reads 0 takes its memory back (virtio 1.3 §2.4). */
uint8_t hf_device_get_status(const struct hf_device *device);
/* Takes the rings away, forgets queues, features and status and ends the epoch: nothing that was
 * in flight is ever replayed. Asks the back-end for RESET_DEVICE where it can. */
void hf_device_reset(struct hf_device *device);
/* Whether the VM runs (true at first): while it does not, no ring runs. Errors as of
 * hf_device_set_status. */
int hf_device_set_vm_running(struct hf_device *device, bool running, struct hf_error *error);

/* ---- queues and notifications ---------------------------------------------------------------- */

struct hf_device_queue {
    uint16_t size;  /* entries: a power of two up to virtqueue_size; 0 = the queue is not used */
    uint64_t desc;  /* guest-physical addresses, aligned to 16, 2 and 4; each in one memory part */
    uint64_t avail; /* "driver area" */
    uint64_t used;  /* "device area" */
};

/* A queue as the driver set it up, or with NULL or size 0 takes it away. The epoch ends: what was
 * in flight on any ring is forgotten. -EBUSY: after DRIVER_OK (reset first); -EFAULT: an address
 * outside of memory. */
int hf_device_set_queue(struct hf_device *device, uint16_t queue,
                        const struct hf_device_queue *setup);
/* Where the guest's notifications arrive (ioeventfd), and where its interrupts are sent (irqfd):
 * any descriptor that takes 8-byte writes. Duplicated; -1 takes it away, and the device makes its
 * own. May change at any time. -EMFILE and the like. */
int hf_device_set_kick(struct hf_device *device, uint16_t queue, int fd);
int hf_device_set_call(struct hf_device *device, uint16_t queue, int fd);

/* While masked, interrupts of this queue are kept; unmasked, one that was kept is sent. Nothing is
 * lost on the way. Until the back-end has heard of it, one may still come to the host's own
 * descriptor: the host does not listen there meanwhile. -EMFILE and the like. */
int hf_device_mask_call(struct hf_device *device, uint16_t queue, bool masked);
/* Whether one is kept by the device; one that came to the host's own descriptor is there. */
bool hf_device_call_pending(struct hf_device *device, uint16_t queue);

/* A notification that the host trapped. Passed on to the back-end; remembered while there is none.
 * A legacy driver (VERSION_1 not acknowledged) that kicks before DRIVER_OK starts the rings by it:
 * errors then as of hf_device_set_status. */
int hf_device_kick(struct hf_device *device, uint16_t queue, struct hf_error *error);

/* ---- stopping, saving, loading --------------------------------------------------------------- */

bool hf_device_at_rest(const struct hf_device *device);
/* *Waits* until the device is at rest, for at most timeout_ns (0 = without limit), and dispatches
 * meanwhile. 0: the last stop was clean; -EIO: it was after a crash; -ETIMEDOUT. The rings must
 * have been told to stop: -EBUSY. */
int hf_device_wait_at_rest(struct hf_device *device, uint64_t timeout_ns, struct hf_error *error);
/* Stops without waiting for the back-end to drain its I/O: the session is cut off, and the rings
 * are what they are after a crash. The device redials. A set status stays: to stop for good, take
 * DRIVER_OK or the VM away before. */
void hf_device_force_stop(struct hf_device *device);

/*
 * The state of a device at rest, to be loaded into another one: features, status, rings with their
 * indices, and after a crash what is in flight. Returns how many bytes it takes, and writes them if
 * `size_bytes` is enough. Format: docs/device-state.md, little-endian, versioned. -EBUSY: not at
 * rest, or the rings are not told to stop.
 */
int64_t hf_device_save(const struct hf_device *device, void *state, size_t size_bytes,
                       struct hf_error *error);
/*
 * The bytes are judged as hostile. Guest memory must be there before; queues, status and features
 * come from the state; the rings start at once unless the VM was told not to run
 * (hf_device_set_vm_running). What hf_device_info counts begins at 0. Only on a device at rest
 * without DRIVER_OK: -EBUSY. -EINVAL: not such a state, or of another version, or of other queues;
 * -EFAULT: a ring outside of memory; -EPROTONOSUPPORT: features that this device does not offer.
 * The device is as before, then. Other errors are those of a start (hf_device_set_status): the
 * state is loaded.
 */
int hf_device_load(struct hf_device *device, const void *state, size_t size_bytes,
                   struct hf_error *error);
/* 0, or -ENOTSUP and why a running VM with this device cannot be migrated: a feature that the
 * back-end lacks; -ENOTCONN: none was there yet. */
int hf_device_migratable(const struct hf_device *device, struct hf_error *why);

/* ---- questions ------------------------------------------------------------------------------- */

/* "/channel@0/disk@0,0": for the firmware; `node` is what the host's firmware calls a disk. Target
 * and LUN in hexadecimal. Returns the length, as snprintf does; size_bytes 0 is fine. */
int hf_device_boot_path(const struct hf_device *device, const char *node, char *path,
                        size_t size_bytes);

/*
 *            realize            socket          handshake          started
 *   DOWN ──────────> CONNECTING ──> NEGOTIATING ───────> CONNECTED <──────> RUNNING
 *     ^                 ^  │lost or refused, from anywhere     └─> STOPPING ┘
 *     │ unrealize       │  v                                   <──
 *   (anywhere)          AWAY ──gave up──> FAILED ──realize──> CONNECTING
 */
enum hf_device_phase {
    HF_DEVICE_DOWN,
    HF_DEVICE_CONNECTING,
    HF_DEVICE_NEGOTIATING,
    HF_DEVICE_CONNECTED,
    HF_DEVICE_RUNNING,
    HF_DEVICE_STOPPING,
    HF_DEVICE_AWAY,
    HF_DEVICE_FAILED,
    HF_DEVICE_PHASE_COUNT
};
/* "running". A constant; never NULL. */
const char *hf_device_phase_name(enum hf_device_phase phase);

struct hf_device_info {
    enum hf_device_phase phase;
    bool should_run;      /* VM runs, driver is there: rings run whenever there is a back-end */
    bool realized;        /* it was connected once since hf_device_realize */
    bool tracks_inflight; /* in-flight region in use or negotiated */
    bool fences;          /* the back-end fences its units with locks */
    bool lossy;           /* no in-flight tracking, or no fence: a crash may lose requests */
    bool stopped_clean;   /* the last stop was */
    int peer_pid;         /* 0 = unknown or none */
    uint64_t offered;     /* virtio features, by the present or the last back-end */
    uint64_t protocol_offered;
    uint64_t protocol;        /* negotiated with it */
    uint64_t backend_queues;  /* GET_QUEUE_NUM; 0 = not asked */
    uint64_t memory_slots;    /* 0 = not asked */
    uint64_t sessions;        /* connections so far */
    uint64_t losses;          /* of a back-end that ran rings */
    uint64_t last_gap_ns;     /* from the last of them to all rings running again */
    uint32_t last_in_flight;  /* requests in flight at it */
    uint64_t outage_ns;       /* all gaps together, the present one too */
    enum hf_fault last_fault; /* of the last LOST or REFUSED */
};
/* A snapshot; `size_bytes` is sizeof(*info) as the host was compiled. */
void hf_device_get_info(const struct hf_device *device, struct hf_device_info *info,
                        size_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
