/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-scsi device a VMM embeds: virtio status, features, queues and configuration on top of
 * a vhost-user front-end that keeps it alive while back-ends come and go. One thread owns a device;
 * every call is legal in every state from that thread; nothing blocks. Callbacks come from
 * hf_device_dispatch and from no other call; they may call the device, except hf_device_free.
 */
#ifndef HF_DEVICE_DEVICE_H
#define HF_DEVICE_DEVICE_H

#include "base/error.h"
#include "frontend/frontend.h"
#include "ring/split.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_device;

struct hf_device_config {
    const char *socket_path;   /* copied */
    uint16_t request_queues;   /* num_queues; vrings are two more */
    uint64_t protocol_mask;    /* protocol features not to use, e.g. INFLIGHT_SHMFD; 0 = use all */
    enum hf_fence fence;       /* see frontend/frontend.h */
    const char *fence_command; /* with HF_FENCE_COMMAND; must outlive the device */
    struct hf_front_settings settings;
};

/* The host's ears. Each optional. */
struct hf_device_ops {
    void *host;
    /* Something happened; `text` is a sentence for a log, never NULL. In order of occurrence.
     * On HF_REPORT_LOST the rings are not yet at rest: the dead back-end's kernel I/O may still
     * write to guest memory until HF_REPORT_STOPPED (which follows every LOST of a device whose
     * rings ran). A host that wants to take the rings away meanwhile calls hf_device_reset. */
    void (*report)(void *host, const struct hf_report *report, const char *text);
    /* One line a message sent or received, for --trace. */
    void (*trace)(void *host, const char *line);
};

extern const struct hf_device_config hf_device_config_default;

/* Nothing is dialled yet. Errors: -EINVAL (a bad value, named), -ENAMETOOLONG, -EMFILE, -ENOMEM. */
int hf_device_new(struct hf_device **device, const struct hf_device_config *config,
                  const struct hf_device_ops *ops, struct hf_error *error);
/* Hangs up, closes and frees all. NULL is fine. Never blocks. */
void hf_device_free(struct hf_device *device);

/* One pollable descriptor (POLLIN: call hf_device_dispatch), valid as long as the device. */
int hf_device_fd(const struct hf_device *device);
void hf_device_dispatch(struct hf_device *device);

/* Starts to dial, and keeps dialling until hf_device_disconnect. HF_REPORT_CONNECTED tells when the
 * handshake is done. */
void hf_device_connect(struct hf_device *device);
void hf_device_disconnect(struct hf_device *device);
bool hf_device_connected(const struct hf_device *device);

/* Virtio features: what may be offered to the driver (known since the first CONNECTED; 0 before),
 * and what the driver acknowledged. -EINVAL: a bit was not offered. */
uint64_t hf_device_offered(const struct hf_device *device);
int hf_device_set_features(struct hf_device *device, uint64_t features);

/* Guest memory. `fd` is duplicated. */
struct hf_device_memory {
    uint64_t guest_address;
    uint64_t size_bytes;
    void *host_address; /* where the host has it mapped: the vhost-user "user address" */
    int fd;
    uint64_t fd_offset;
};
int hf_device_add_memory(struct hf_device *device, const struct hf_device_memory *memory,
                         struct hf_error *error);
/* -ENOENT: no such memory; -EBUSY: a queue's ring lies in it (take the queue away first). */
int hf_device_remove_memory(struct hf_device *device, uint64_t guest_address, uint64_t size_bytes);

/* A queue: 0 control, 1 event, from 2 on requests. The ring's pointers lie inside added memory;
 * NULL takes the queue away. The base starts at 0, and the epoch ends: what was in flight on any
 * ring is forgotten. So it comes before DRIVER_OK: -EBUSY after it (reset first). -EINVAL: index,
 * size, alignment or address out of range. */
int hf_device_set_queue(struct hf_device *device, uint16_t queue, const struct hf_ring *ring);
/* Descriptors are duplicated (any that takes 8-byte writes); -1 takes them away. */
int hf_device_set_kick(struct hf_device *device, uint16_t queue, int fd);
int hf_device_set_call(struct hf_device *device, uint16_t queue, int fd);

/* Virtio status as the driver writes it: with DRIVER_OK the rings start as soon as there is a
 * back-end; without it they stop; 0 is a reset. */
#define HF_VIRTIO_STATUS_DRIVER_OK 4u
void hf_device_set_status(struct hf_device *device, uint8_t status);
/* Stops the rings, forgets queues and acknowledged features, ends the epoch: nothing that was in
 * flight is ever replayed. */
void hf_device_reset(struct hf_device *device);

/* True when no back-end, living or dying, may touch the rings: none runs, and what ran was settled
 * (after a LOST, HF_REPORT_STOPPED is still to come exactly if this is false). Needed by initiator:
 * a session can be lost before any ring ran, and then no STOPPED follows. */
bool hf_device_at_rest(const struct hf_device *device);

/* A snapshot. */
struct hf_device_status {
    enum hf_phase phase;
    uint64_t offered; /* by the present or the last back-end */
    uint64_t protocol_offered;
    uint64_t protocol;       /* negotiated */
    uint64_t backend_queues; /* GET_QUEUE_NUM, 0 if not asked */
    uint64_t memory_slots;
    bool tracks_inflight; /* in-flight region in use or negotiated */
    bool fences;          /* the back-end fences its units with locks */
    bool lossy;           /* no in-flight tracking, or no fence: a crash may lose requests */
    uint64_t sessions;    /* connected so far */
    int peer_pid;         /* 0 unknown */
};
void hf_device_get_status(const struct hf_device *device, struct hf_device_status *status);

#endif
