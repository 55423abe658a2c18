/* SPDX-License-Identifier: BSD-3-Clause */
/* How the blocking calls fail. That they succeed is what every drill shows. */
#include "../cmocka_all.h"

#include "initiator/initiator.h"
#include "os/clock.h"

#include <errno.h>
#include <unistd.h>

static void nobody_listens_is_told_from_other_trouble(void **state)
{
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + 10 * HF_NS_PER_S };
    struct hf_initiator *initiator;
    struct hf_initiator_ops ops = { 0 };
    struct hf_error error = { 0 };
    struct hf_loop loop;
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/holdfast-nobody-%d", (int)getpid());
    config.socket_path = path;
    assert_int_equal(hf_loop_init(&loop), 0);
    assert_int_equal(hf_initiator_new(&initiator, &config, &loop, &ops, &error), 0);
    assert_int_equal(hf_initiator_connect(initiator, &wait, &error), -ECONNREFUSED);
    assert_non_null(strstr(error.text, path));
    wait.deadline_ns = hf_clock_ns();
    assert_int_equal(hf_initiator_connect(initiator, &wait, &error), -ETIMEDOUT);
    hf_initiator_free(initiator);
    hf_loop_done(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_listens_is_told_from_other_trouble),
    };

    return cmocka_run_group_tests_name("initiator/start", tests, NULL, NULL);
}
