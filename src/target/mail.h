/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handovers between threads: an intrusive stack of many writers and one reader. Everything a sender
 * wrote before hf_mail_post happens before the receiver's run (release and acquire on the head), so
 * what the mail points to needs no lock of its own. Must not know what is sent, nor how the reader
 * is woken.
 */
#ifndef HF_TARGET_MAIL_H
#define HF_TARGET_MAIL_H

#include <stdatomic.h>
#include <stdbool.h>

/* Lies in the message; belongs to the receiver from post to run. `run` may free it or post it on.
 */
struct hf_mail {
    struct hf_mail *next;
    void (*run)(struct hf_mail *mail);
};

/* Zeroed is empty. */
struct hf_mailbox {
    _Atomic(struct hf_mail *) newest;
};

/* Any thread; never blocks. True if the box was empty: the caller wakes the reader. */
bool hf_mail_post(struct hf_mailbox *box, struct hf_mail *mail);
/* Reader only: runs what there is, oldest first. Returns how many. */
unsigned hf_mail_run_all(struct hf_mailbox *box);
bool hf_mail_waits(const struct hf_mailbox *box);

#endif
