/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/mail.c: nothing is lost, order is kept per sender, an empty box is told. */
#include "../cmocka_all.h"

#include <pthread.h>
#include <sched.h>

#include "base/list.h"
#include "target/mail.h"

#define SENDERS 4u
#define LETTERS 5000u

struct letter {
    struct hf_mail mail;
    unsigned sender;
    unsigned number;
};

static struct hf_mailbox box;
static unsigned next[SENDERS];
static unsigned received;

static void receive(struct hf_mail *mail)
{
    struct letter *letter = HF_CONTAINER(mail, struct letter, mail);

    assert_int_equal(letter->number, next[letter->sender]);
    next[letter->sender]++;
    received++;
}

static void the_first_post_tells_that_the_box_was_empty(void **state)
{
    struct letter letters[3] = { 0 };

    (void)state;
    next[0] = received = 0;
    for (unsigned i = 0; i < 3; i++)
        letters[i] = (struct letter){ .mail.run = receive, .number = i };
    assert_false(hf_mail_waits(&box));
    assert_true(hf_mail_post(&box, &letters[0].mail));
    assert_true(hf_mail_waits(&box));
    assert_false(hf_mail_post(&box, &letters[1].mail));
    assert_false(hf_mail_post(&box, &letters[2].mail));
    assert_int_equal(hf_mail_run_all(&box), 3);
    assert_int_equal(hf_mail_run_all(&box), 0);
}

static struct letter repeated;
static unsigned runs;

static void post_again(struct hf_mail *mail)
{
    if (++runs < 3)
        hf_mail_post(&box, mail);
}

static void mail_may_post_itself_while_it_runs(void **state)
{
    (void)state;
    repeated.mail.run = post_again;
    hf_mail_post(&box, &repeated.mail);
    assert_int_equal(hf_mail_run_all(&box), 1);
    assert_int_equal(hf_mail_run_all(&box), 1);
    assert_int_equal(hf_mail_run_all(&box), 1);
    assert_int_equal(hf_mail_run_all(&box), 0);
    assert_int_equal(runs, 3);
}

static struct letter letters[SENDERS][LETTERS];

static void *post_all(void *argument)
{
    struct letter *mine = argument;

    for (unsigned i = 0; i < LETTERS; i++)
        hf_mail_post(&box, &mine[i].mail);
    return NULL;
}

static void many_senders_lose_nothing(void **state)
{
    pthread_t threads[SENDERS];

    (void)state;
    received = 0;
    memset(next, 0, sizeof(next));
    for (unsigned sender = 0; sender < SENDERS; sender++) {
        for (unsigned i = 0; i < LETTERS; i++)
            letters[sender][i] =
                (struct letter){ .mail.run = receive, .sender = sender, .number = i };
        assert_int_equal(pthread_create(&threads[sender], NULL, post_all, letters[sender]), 0);
    }
    while (received < SENDERS * LETTERS) {
        if (hf_mail_run_all(&box) == 0)
            sched_yield();
    }
    for (unsigned sender = 0; sender < SENDERS; sender++)
        pthread_join(threads[sender], NULL);
    assert_int_equal(hf_mail_run_all(&box), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_post_tells_that_the_box_was_empty),
        cmocka_unit_test(mail_may_post_itself_while_it_runs),
        cmocka_unit_test(many_senders_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
