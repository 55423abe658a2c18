/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest driver in this process: attaches to a back-end through src/device, as a kernel in a
 * virtual machine would, and sends SCSI commands. Memory, rings and slots are made once; a request
 * costs no allocation and no lock. One thread owns an initiator; callbacks come from dispatches of
 * its loop and from hf_initiator_poll, and may submit again.
 *
 * It knows nothing of what the requests are for, and never hides what a device did wrong.
 */
#ifndef HF_INITIATOR_INITIATOR_H
#define HF_INITIATOR_INITIATOR_H

#include "initiator/queue.h"

#include "holdfast/device.h"

#include "base/error.h"
#include "os/loop.h"
#include "vscsi/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hf_initiator;

/* What happens to the outstanding requests when a back-end is lost. */
enum hf_recovery {
    HF_RECOVERY_AUTO,       /* INFLIGHT where the back-end offers it, else DRIVER */
    HF_RECOVERY_INFLIGHT,   /* the rings go on; the next back-end replays what the region records */
    HF_RECOVERY_DRIVER,     /* fresh rings, on which we offer our own outstanding requests again */
    HF_RECOVERY_USED_INDEX, /* the rings go on from used->idx, untracked: loses, for drilling */
    HF_RECOVERY_COUNT
};

struct hf_initiator_config {
    const char *socket_path; /* copied */
    uint16_t queue_count;    /* request queues, at least 1 */
    uint16_t depth;          /* most requests outstanding on one queue, 1..HF_INITIATOR_DEPTH_MAX */
    uint16_t segments_max;   /* most iovecs of a request, 1..HF_INITIATOR_SEGMENTS_MAX */
    enum hf_recovery recovery;
    bool polls;         /* the host calls hf_initiator_poll; the device is asked not to call */
    size_t buffer_size; /* of the registered memory that requests may point to */
    const bool
        *cancel; /* borrowed; blocking calls end with -ECANCELED once it is true. NULL: none */
};

struct hf_initiator_ops {
    void *host;
    /* As from the device (holdfast/device.h), after the initiator did its part. May be NULL. */
    void (*device_event)(void *host, const struct hf_device_event *event);
    /* The device wrote a used element that no request asked for (it was skipped), or broke the
     * ring (nothing more comes from it). `queue` counts request queues from 0. May be NULL. */
    void (*ring_fault)(void *host, uint16_t queue, enum hf_ring_fault fault);
    /* From the event queue. May be NULL. */
    void (*event)(void *host, const struct hf_vscsi_event *event);
};

extern const struct hf_initiator_config hf_initiator_config_default;

/* "inflight", "driver", "used-index", "auto". False if it is none of them. */
bool hf_recovery_parse(const char *word, enum hf_recovery *recovery);
const char *hf_recovery_name(enum hf_recovery recovery);

/*
 * Makes memory and rings, dials nothing. `loop` and `ops` are borrowed for the initiator's life.
 * 0, or -errno with a sentence: -EINVAL (a bad value, named), -ENOMEM, -EMFILE.
 */
int hf_initiator_new(struct hf_initiator **initiator, const struct hf_initiator_config *config,
                     struct hf_loop *loop, const struct hf_initiator_ops *ops,
                     struct hf_error *error);
/* Hangs up and frees; no callback comes any more. Requests that were out are forgotten. NULL is
 * fine. */
void hf_initiator_free(struct hf_initiator *initiator);

/* How long a blocking call may take, and whether a lost or absent back-end ends it. */
struct hf_initiator_wait {
    uint64_t deadline_ns;
    bool patient;      /* keep dialling until the deadline */
    bool even_refused; /* also when it may not serve us: another may come in its place */
};

/*
 * Both block, running the loop: for programs that can do nothing before. Connect: the handshake is
 * done, features and queues are known. Start: the rings run. 0, or -errno with a sentence:
 * -ETIMEDOUT, -ECONNREFUSED (nobody listens), -ECONNRESET (lost, refused), -EOPNOTSUPP (the
 * back-end has no VERSION_1, or lacks what the recovery asked for needs).
 */
int hf_initiator_connect(struct hf_initiator *initiator, const struct hf_initiator_wait *wait,
                         struct hf_error *error);
int hf_initiator_start(struct hf_initiator *initiator, const struct hf_initiator_wait *wait,
                       struct hf_error *error);

/* Runs the loop until *flag is true, patiently. 0, or -ETIMEDOUT with a sentence. */
int hf_initiator_finish(struct hf_initiator *initiator, const bool *flag, uint64_t deadline_ns,
                        struct hf_error *error);

/* The registered memory: zeroed, page aligned, buffer_size bytes, for the initiator's life. */
void *hf_initiator_buffer(const struct hf_initiator *initiator);

/*
 * Takes the request (the caller keeps the memory and leaves it alone) until its `done`. It goes out
 * with the next hf_initiator_push, or by itself when submitted from a callback. 0; -EAGAIN: `depth`
 * requests are out on this queue; -EFAULT: an iovec is not in registered memory; -E2BIG: too many
 * iovecs. While no back-end is there requests wait.
 */
int hf_initiator_submit(struct hf_initiator *initiator, uint16_t queue,
                        struct hf_initiator_request *request);
void hf_initiator_push(struct hf_initiator *initiator);

/* Looks at all rings once without waiting and completes what is there; returns how many. */
unsigned hf_initiator_poll(struct hf_initiator *initiator);

/* Where a request queue's ring is now. Until hf_initiator_free other threads may look at the
 * indices there, though after a recovery nothing may happen there any more. */
struct hf_ring hf_initiator_ring(const struct hf_initiator *initiator, uint16_t queue);

/* Requests submitted and not done, on all queues. */
unsigned hf_initiator_outstanding(const struct hf_initiator *initiator);

/* What it is in use since the first connect (never AUTO then). */
enum hf_recovery hf_initiator_recovery(const struct hf_initiator *initiator);

void hf_initiator_get_info(const struct hf_initiator *initiator, struct hf_device_info *info);

#endif
