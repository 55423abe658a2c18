/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share about one initiator; nobody else includes it. */
#ifndef HF_INITIATOR_STATE_H
#define HF_INITIATOR_STATE_H

#include "initiator/events.h"
#include "initiator/guest.h"
#include "initiator/initiator.h"
#include "vscsi/config.h"

/* A vring's bells and the watch on its call. */
struct hf_initiator_line {
    struct hf_watch watch; /* first: the watch's callback finds the line */
    struct hf_initiator *initiator;
    int kick_fd;
    int call_fd;
    uint16_t vring;
};

struct hf_initiator {
    struct hf_initiator_config config;
    struct hf_initiator_ops ops;
    struct hf_loop *loop;
    struct hf_device *device;
    struct hf_watch device_watch;
    struct hf_guest guest;
    struct hf_initiator_line *lines; /* guest.vring_count */
    struct hf_initiator_queue *queues;
    struct hf_initiator_events events;
    enum hf_recovery recovery; /* in use; never AUTO once connected */
    uint64_t features;
    uint16_t ring_size;
    unsigned ring_set;
    bool connected;
    bool running;  /* rings run */
    bool prepared; /* the device has rings of ours */
    bool resting;  /* DRIVER: waits until the lost back-end cannot touch the old rings any more */
    bool troubled; /* lost or refused since the last blocking call began */
    bool refused;  /* the back-end, or we the back-end, since then */
    int trouble_code; /* errno */
    char trouble[HF_ERROR_TEXT_SIZE];
};

/* recover.c: the device's events, and what we do about them. */
void hf_initiator_device_event(void *host, const struct hf_device_event *event);
/* Gives the device rings of the present set, with everything outstanding offered again on them. */
void hf_initiator_prepare(struct hf_initiator *initiator);

#endif
