/* SPDX-License-Identifier: BSD-3-Clause */
/* A back-end that fails at any message of a start: the step is named, nothing is left behind, and
 * the next connection serves (R2, R19, R28, R29). */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <errno.h>

/* The handshake, and a start with three rings and one part of memory. */
#define MESSAGES_MAX 40

struct course {
    char names[MESSAGES_MAX][HOST_LINE_SIZE]; /* from 1 */
    int count;
};

/* The first that is the beginning of a message's name. */
static const struct {
    const char *message;
    const char *sentence;
} sentences[] = {
    { "GET_FEATURES", "lost the back-end" },
    { "GET_PROTOCOL_FEATURES", "lost the back-end" },
    { "SET_PROTOCOL_FEATURES", "lost the back-end" },
    { "GET_QUEUE_NUM", "lost the back-end" },
    { "GET_MAX_MEM_SLOTS", "lost the back-end" },
    { "SET_OWNER", "" },
    { "SET_FEATURES", "unable to start vhost-user-scsi: Error setting inflight format: " },
    { "GET_INFLIGHT_FD", "unable to start vhost-user-scsi: Error getting inflight: " },
    { "SET_INFLIGHT_FD", "unable to start vhost-user-scsi: Error setting inflight: " },
    { "", "unable to start vhost-user-scsi: Error starting vhost dev: " },
};

static const char *sentence_for(const char *message)
{
    unsigned i = 0;

    while (strncmp(message, sentences[i].message, strlen(sentences[i].message)) != 0)
        i++;
    return sentences[i].sentence;
}

/* A device that was started and lost its back-end tells the next one all from the beginning. */
static void learn_course(struct rig *rig, struct course *course)
{
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    const char *name;

    rig_start(rig);
    backend_end(pid, true);
    host_forget();
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    for (course->count = 0; (name = host_message((unsigned)course->count + 1)) != NULL;) {
        assert_true(++course->count < MESSAGES_MAX);
        snprintf(course->names[course->count], HOST_LINE_SIZE, "%s", name);
    }
    assert_string_equal(course->names[course->count], "SET_VRING_ENABLE ring=1");
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
}

static struct hf_device_event first_loss;
static char first_text[2 * HF_ERROR_TEXT_SIZE];

static void keep_first(struct rig *rig, const struct hf_device_event *event)
{
    (void)rig;
    if (event->kind != HF_DEVICE_EVENT_LOST && event->kind != HF_DEVICE_EVENT_REFUSED)
        return;
    if (event->fault == HF_FAULT_REFUSED_DIAL || first_text[0] != '\0')
        return;
    first_loss = *event;
    snprintf(first_text, sizeof(first_text), "%s", event->text);
}

/* A back-end with this script, which serves well at its second connection, and is killed. */
static void meet(struct rig *rig, struct backend_script *script)
{
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    first_text[0] = '\0';
    host_forget();
    rig->meddle = keep_first;
    script->good_from = 2;
    pid_t pid = backend_start(rig->path, script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
    rig->meddle = NULL;
    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_LOST, lost + 1);
}

static void expect_sentence(const char *message, enum hf_fault fault, int code)
{
    const char *sentence = sentence_for(message);

    if (strncmp(first_text, sentence, strlen(sentence)) != 0)
        fail_msg("at %s: %s", message, first_text);
    if (strstr(first_text, hf_fault_text(fault)) == NULL)
        fail_msg("at %s: %s", message, first_text);
    assert_int_equal(first_loss.fault, fault);
    assert_int_equal(first_loss.error, code);
    assert_true(first_loss.will_retry);
}

static void a_back_end_that_hangs_up_at_a_message_is_named_by_the_step(void **state)
{
    struct rig *rig = *state;
    struct course course;

    learn_course(rig, &course);
    for (int i = 1; i <= course.count; i++) {
        meet(rig, &(struct backend_script){ .closes_at = i });
        expect_sentence(course.names[i], HF_FAULT_HANGUP, ECONNRESET);
    }
}

/* Not asked to be acknowledged. */
static bool may_be_refused(const char *message)
{
    return strncmp(message, "GET_", 4) != 0 && strcmp(message, "SET_PROTOCOL_FEATURES") != 0;
}

static void a_back_end_that_refuses_a_message_is_named_by_the_step(void **state)
{
    struct rig *rig = *state;
    struct course course;

    learn_course(rig, &course);
    for (int i = 1; i <= course.count; i++) {
        if (!may_be_refused(course.names[i]))
            continue;
        meet(rig, &(struct backend_script){ .naks_at = i });
        expect_sentence(course.names[i], HF_FAULT_NAK, EPROTO);
    }
}

static void a_back_end_that_answers_something_else_is_named_by_the_step(void **state)
{
    struct rig *rig = *state;
    struct course course;

    learn_course(rig, &course);
    for (int i = 1; i <= course.count; i++) {
        meet(rig, &(struct backend_script){ .strays_at = i });
        expect_sentence(course.names[i], HF_FAULT_UNEXPECTED, EPROTO);
    }
}

static void a_back_end_that_does_not_answer_a_message_is_named_by_the_step(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct course course;

    settings.reply_timeout_ns = 250 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    learn_course(rig, &course);
    for (int i = 1; i <= course.count; i++) {
        meet(rig, &(struct backend_script){ .silent_at = i });
        expect_sentence(course.names[i], HF_FAULT_TIMEOUT, ETIMEDOUT);
    }
}

/* Which message it was cannot be known there; that it failed is told, and the next one serves. */
static void a_back_end_without_acknowledgements_is_told_too(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(REPLY_ACK) |
                                                       HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) };
    struct course course;

    learn_course(rig, &course);
    for (int i = 1; i <= course.count; i++) {
        script.closes_at = i;
        meet(rig, &script);
        assert_int_equal(first_loss.fault, HF_FAULT_HANGUP);
        assert_non_null(strstr(first_text, "lost the back-end"));
    }
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_back_end_that_hangs_up_at_a_message_is_named_by_the_step),
        WITH_HOST(a_back_end_that_refuses_a_message_is_named_by_the_step),
        WITH_HOST(a_back_end_that_answers_something_else_is_named_by_the_step),
        WITH_HOST(a_back_end_that_does_not_answer_a_message_is_named_by_the_step),
        WITH_HOST(a_back_end_without_acknowledgements_is_told_too),
    };

    return cmocka_run_group_tests_name("device/start faults", tests, NULL, NULL);
}
