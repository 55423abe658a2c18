/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device asks of each back-end: whether it fences its units. (RESET_DEVICE: test_reset.c)
 */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "vscsi/config.h"

static struct backend_script answers(uint8_t config_bytes, uint32_t flags)
{
    return (struct backend_script){ .adds_protocol = HF_PROTOCOL_FEATURE(CONFIG),
                                    .config_bytes = config_bytes,
                                    .trailer_flags = flags };
}

static bool fences(const struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    return info.fences;
}

/* Connects to one that answers so, and is asked. */
static pid_t ask(struct rig *rig, struct backend_script script)
{
    unsigned asked = story_times("<- GET_CONFIG reply");
    pid_t pid = story_backend(rig, &script);

    hf_device_realize_begin(rig->device);
    story_until(rig, "<- GET_CONFIG reply", asked + 1);
    return pid;
}

static void a_back_end_that_fences_its_units_says_so_in_its_trailer(void **state)
{
    struct rig *rig = *state;
    pid_t pid = ask(rig, answers(HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES, HF_VSCSI_TRAILER_FENCED | 0x80));

    assert_true(fences(rig));
    story_first("-> GET_CONFIG offset=0 size=52");
    backend_end(pid, true);
}

static void one_that_does_not_say_so_does_not(void **state)
{
    struct rig *rig = *state;
    static const uint8_t lengths[] = { HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES, HF_VSCSI_CONFIG_SIZE_BYTES,
                                       0 };

    for (unsigned i = 0; i < sizeof(lengths); i++) {
        pid_t pid = ask(rig, answers(lengths[i], i == 0 ? 0x80 : HF_VSCSI_TRAILER_FENCED));

        assert_false(fences(rig));
        backend_end(pid, true);
        rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    }
}

static void what_one_back_end_said_the_next_does_not_inherit(void **state)
{
    struct rig *rig = *state;
    pid_t pid = ask(rig, answers(HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES, HF_VSCSI_TRAILER_FENCED));

    assert_true(fences(rig));
    backend_end(pid, true);
    pid = story_backend(rig, NULL); /* which has no CONFIG, and is not asked */
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_false(fences(rig));
    assert_int_equal(story_times("-> GET_CONFIG"), 1);
    backend_end(pid, true);
}

/* Some back-ends offer CONFIG and die of the question. */
static void who_hangs_up_on_the_question_again_and_again_is_let_alone(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .adds_protocol = HF_PROTOCOL_FEATURE(CONFIG),
                                     .closes_on = HF_REQUEST_GET_CONFIG };
    pid_t pid = story_backend(rig, &script);

    rig_ask_to_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(story_times("-> GET_CONFIG"), 3);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_CONNECTED], 4);
    assert_int_equal(rig_phase(rig), HF_PHASE_RUNNING);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_back_end_that_fences_its_units_says_so_in_its_trailer),
        STORY(one_that_does_not_say_so_does_not),
        STORY(what_one_back_end_said_the_next_does_not_inherit),
        STORY(who_hangs_up_on_the_question_again_and_again_is_let_alone),
    };

    return cmocka_run_group_tests_name("device/question", tests, NULL, NULL);
}
