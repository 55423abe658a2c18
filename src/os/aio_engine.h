/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two engines share, and what each must do. Of aio.c, uring.c and aio_threads.c only.
 */
#ifndef HF_OS_AIO_ENGINE_H
#define HF_OS_AIO_ENGINE_H

#include "os/aio.h"

#define HF_AIO_DEFAULT_DEPTH 128u
/* The bound on completions, and on bells, that one wait takes up. */
#define HF_AIO_BATCH 256u

/* A watch as the engine sees it. Outlives the watch while the kernel still refers to it. */
struct hf_aio_slot {
    struct hf_link link;        /* all of the engine */
    struct hf_link ready_link;  /* callbacks to come */
    struct hf_aio_watch *watch; /* NULL = removed, callbacks are dropped */
    int fd;
    bool armed;  /* uring: a poll is with the kernel */
    bool broken; /* the kernel refused to poll: told once, not again */
};

struct hf_aio_engine_ops {
    const char *name;
    /* Begins to watch slot->fd. 0 or -errno. */
    int (*add)(struct hf_aio *aio, struct hf_aio_slot *slot);
    /* Takes the slot: unlinks and frees it, now or when the kernel has let go. */
    void (*remove)(struct hf_aio *aio, struct hf_aio_slot *slot);
    /* After the callback. False if that is not possible now: it will be asked again. */
    bool (*rearm)(struct hf_aio *aio, struct hf_aio_slot *slot);
    /* Hands aio->queued over; what does not fit stays. */
    void (*push)(struct hf_aio *aio);
    /* Pushes, waits at most timeout_ns (HF_CLOCK_NEVER = for ever), hands in completions and ready
     * slots: at most HF_AIO_BATCH of each. 0 or -errno. */
    int (*collect)(struct hf_aio *aio, uint64_t timeout_ns);
    /* Frees the engine's own; nothing is in flight. */
    void (*free)(struct hf_aio *aio);
};

/* The first member of each engine. */
struct hf_aio {
    const struct hf_aio_engine_ops *ops;
    struct hf_link queued;    /* submitted, not handed over */
    struct hf_link completed; /* callbacks to come */
    struct hf_link slots;
    struct hf_link ready;
    struct hf_aio_slot *running; /* whose callback runs; NULL once it is removed */
    struct hf_timers timers;
    struct hf_aio_polling polling;
    uint64_t window_ns; /* how long it looks at present, at most polling.poll_ns */
    unsigned in_flight;
    bool is_waiting;
    int wake_fd;
    struct hf_aio_watch wake;
    char fallback_reason[HF_ERROR_TEXT_SIZE];
};

/* Makes an engine without the shared part, on the heap. 0 or -errno with a sentence. */
int hf_aio_uring_new(struct hf_aio **aio, const struct hf_aio_options *options,
                     struct hf_error *error);
int hf_aio_threads_new(struct hf_aio **aio, const struct hf_aio_options *options,
                       struct hf_error *error);

/* For engines: a request is over; a slot has input. */
void hf_aio_hand_in(struct hf_aio *aio, struct hf_aio_request *request, int32_t result);
void hf_aio_hand_in_ready(struct hf_aio *aio, struct hf_aio_slot *slot);

#endif
