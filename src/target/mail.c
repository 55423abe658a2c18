/* SPDX-License-Identifier: BSD-3-Clause */
/* The mailbox: writers push on a stack, the reader takes all of it and turns it round. */
#include "target/mail.h"

#include <stddef.h>

bool hf_mail_post(struct hf_mailbox *box, struct hf_mail *mail)
{
    struct hf_mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

    do {
        mail->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail,
                                                    memory_order_release, memory_order_relaxed));
    return newest == NULL;
}

bool hf_mail_waits(const struct hf_mailbox *box)
{
    return atomic_load_explicit(&box->newest, memory_order_relaxed) != NULL;
}

static struct hf_mail *oldest_first(struct hf_mail *newest)
{
    struct hf_mail *turned = NULL;

    while (newest) {
        struct hf_mail *next = newest->next;

        newest->next = turned;
        turned = newest;
        newest = next;
    }
    return turned;
}

unsigned hf_mail_run_all(struct hf_mailbox *box)
{
    struct hf_mail *mail =
        oldest_first(atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire));
    unsigned count = 0;

    while (mail) {
        struct hf_mail *next = mail->next; /* run may free or post it */

        mail->run(mail);
        mail = next;
        count++;
    }
    return count;
}
