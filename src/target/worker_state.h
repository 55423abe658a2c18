/* SPDX-License-Identifier: BSD-3-Clause */
/* For the data path's own files: what a worker and a crew are made of, and who owns which field. */
#ifndef HF_TARGET_WORKER_STATE_H
#define HF_TARGET_WORKER_STATE_H

#include <pthread.h>

#include "base/list.h"
#include "os/aio.h"
#include "target/lane.h"
#include "target/mail.h"
#include "target/worker.h"

struct hf_worker {
    struct hf_crew *crew;
    unsigned index;
    unsigned queue_count; /* control thread: to choose the least busy one */
    pthread_t thread;
    struct hf_mailbox inbox;
    struct hf_aio *aio;
    /* The worker's thread only, from here on. */
    struct hf_lane lane;
    struct hf_link queues; /* of hf_queue.link: all it serves */
    struct hf_link dirty;  /* of hf_queue.dirty_link: something to publish, or at an end */
    struct hf_link tasks;  /* of hf_task.link: task management that waits for victims here */
    uint64_t next_order;   /* requests are numbered as they are fetched */
    struct hf_mail broken_mail;
    int error; /* that the engine broke with, as -errno */
    bool quit;
};

struct hf_crew {
    struct hf_worker *workers;
    unsigned worker_count;
    struct hf_mailbox answers;
    int fd; /* eventfd: answers wait */
    struct hf_crew_options options;
};

/* Any thread: gives mail to a worker, or to the control thread. Never blocks. */
void hf_worker_post(struct hf_worker *worker, struct hf_mail *mail);
void hf_crew_post(struct hf_crew *crew, struct hf_mail *mail);

#endif
