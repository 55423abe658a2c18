/* SPDX-License-Identifier: BSD-3-Clause */
/* What the record of a relayed device says, and what it is refused for. That another relay can go
 * on with it is shown in tests/sim. */
#include "relay_rig.h"

#include "cmocka_all.h"

#include "session/relay_record.h"

#include <string.h>

static struct relay_rig rig;
static struct hf_relay_record record;
static const struct hf_relay_promise promise = { .protocol_features = 5 };

static void write_it(void)
{
    memset(&record, 0xee, sizeof(record));
    hf_relay_record_write(&record, &rig.relay, &promise, &rig.effects);
    record.writer_fd = -1;
}

static void what_is_no_record_of_this_version_is_refused_by_name(void **state)
{
    (void)state;
    relay_rig_begin(&rig);
    write_it();
    assert_null(hf_relay_record_fault(&record, sizeof(record)));
    assert_string_equal(hf_relay_record_fault(&record, sizeof(record) - 1),
                        "it is no record of a relayed device");
    record.writing = 1;
    assert_string_equal(hf_relay_record_fault(&record, sizeof(record)),
                        "the relay died while it wrote it");
    record.writing = 0;
    record.version++;
    assert_string_equal(hf_relay_record_fault(&record, sizeof(record)),
                        "another version of the relay wrote it");
    record.version--;
    record.size_bytes--;
    assert_string_equal(hf_relay_record_fault(&record, sizeof(record)),
                        "another version of the relay wrote it");
    record.magic++;
    assert_string_equal(hf_relay_record_fault(&record, sizeof(record)),
                        "it is no record of a relayed device");
    relay_rig_end(&rig);
}

static void note(void *context, int *fd)
{
    bool *seen = context;

    assert_in_range(*fd, 1, RELAY_RIG_FDS - 1);
    seen[*fd] = true;
}

/* No more, no less: what is not in it is lost with the process that held it. */
static void expect_all_that_is_open(void)
{
    bool seen[RELAY_RIG_FDS] = { false };

    write_it();
    record.acted = record.effects.count;
    hf_relay_record_each_fd(&record, note, seen);
    for (int fd = 1; fd <= rig.last_fd; fd++)
        assert_int_equal(seen[fd], rig.open[fd]);
}

static void each_descriptor_that_is_held_is_visited(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    expect_all_that_is_open();
    relay_rig_do(&rig, HF_REQUEST_SET_LOG_BASE, 0, 0);
    expect_all_that_is_open();
    relay_rig_end(&rig);
}

/* The back-end does not answer: what was replaced is kept, should it refuse. */
static void what_a_refusal_would_bring_back_is_visited(void **state)
{
    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_SET_VRING_CALL;
    assert_false(relay_rig_send(&rig, HF_REQUEST_SET_VRING_CALL, 1, 0));
    expect_all_that_is_open();
    relay_rig_end(&rig);
}

static void what_was_answered_is_not_answered_again(void **state)
{
    static struct hf_front front;
    static struct hf_relay relay;
    struct hf_relay_effects effects;

    (void)state;
    relay_rig_begin(&rig);
    rig.effects.count = 2;
    rig.effects.list[0] = (struct hf_relay_effect){ .kind = HF_RELAY_EFFECT_CLOSE, .fd = 4000 };
    rig.effects.list[1] = (struct hf_relay_effect){ .kind = HF_RELAY_EFFECT_REPLY, .fd = -1 };
    write_it();
    hf_relay_record_acted(&record);
    hf_front_init(&front, &hf_front_settings_default, RELAY_RIG_RINGS);
    hf_relay_record_restore(&record, &relay, &front, 7, &effects);
    assert_int_equal(effects.count, 1);
    assert_int_equal(effects.list[0].kind, HF_RELAY_EFFECT_REPLY);
    assert_ptr_equal(relay.front, &front);
    hf_relay_record_acted(&record);
    hf_relay_record_restore(&record, &relay, &front, 7, &effects);
    assert_int_equal(effects.count, 0);
    relay_rig_end(&rig);
}

/* Who was asked is gone. */
static void a_question_is_asked_again(void **state)
{
    static struct hf_front front;
    static struct hf_relay relay;
    struct hf_relay_effects effects;

    (void)state;
    relay_rig_run(&rig);
    rig.mute = HF_REQUEST_GET_CONFIG;
    assert_false(relay_rig_send(&rig, HF_REQUEST_GET_CONFIG, 0, 0));
    write_it();
    hf_front_init(&front, &hf_front_settings_default, RELAY_RIG_RINGS);
    hf_relay_record_restore(&record, &relay, &front, 7, &effects);
    assert_int_equal(relay.wait, HF_RELAY_WAIT_ANSWER);
    assert_true(relay.ask_again);
    relay_rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_record_of_this_version_is_refused_by_name),
        cmocka_unit_test(each_descriptor_that_is_held_is_visited),
        cmocka_unit_test(what_a_refusal_would_bring_back_is_visited),
        cmocka_unit_test(what_was_answered_is_not_answered_again),
        cmocka_unit_test(a_question_is_asked_again),
    };

    return cmocka_run_group_tests_name("session/relay_record", tests, NULL, NULL);
}
