/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that comes and goes in any order, while back-ends die and come back, against a model of
 * what there is, and what the present back-end was told.
 */
#include "../cmocka_all.h"

#include "parts.h"

#include <stdlib.h>

#define STEPS 1200
#define PARTS 12 /* number 0 holds the rings, and stays */

static struct {
    struct rig *rig;
    pid_t pid;
    struct backend_script script;
    uint32_t random;
    unsigned line; /* of the story, that is not looked at yet */
    bool there[PARTS];
    bool told[PARTS]; /* the present back-end */
    unsigned releases;
} walk;

static unsigned some(unsigned below)
{
    walk.random = walk.random * 1664525u + 1013904223u;
    return (walk.random >> 8) % below;
}

/* Each change of what it knows must be one. */
static void tell(const char *line, bool known)
{
    unsigned number = (unsigned)(strtoul(strchr(line, '=') + 1, NULL, 16) / 0x100000) - 1;

    assert_true(number < PARTS);
    assert_int_equal(walk.told[number], !known);
    walk.told[number] = known;
}

/* What was given back is not known to it. */
static void release(void)
{
    for (unsigned i = 0; i < PARTS; i++)
        assert_true(walk.there[i] || !walk.told[i]);
    walk.releases++;
}

static void look(void)
{
    for (; walk.line < story.count; walk.line++) {
        const char *line = story.lines[walk.line];

        if (strncmp(line, "-> ADD_MEM_REG", 14) == 0)
            tell(line, true);
        else if (strncmp(line, "-> REM_MEM_REG", 14) == 0)
            tell(line, false);
        else if (strcmp(line, "event LOST") == 0)
            memset(walk.told, 0, sizeof(walk.told));
        else if (strcmp(line, "event MEMORY_RELEASED") == 0)
            release();
    }
    story_forget();
    walk.line = 0;
}

static void dispatch(uint64_t duration_ns)
{
    rig_dispatch_for(walk.rig, duration_ns);
    look();
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void add_or_remove(unsigned number)
{
    struct hf_device_memory memory = part(walk.rig, number);

    if (number == 0)
        return;
    if (walk.there[number])
        assert_int_equal(
            hf_device_remove_memory(walk.rig->device, memory.guest_address, PART, NULL), 0);
    else
        assert_int_equal(hf_device_add_memory(walk.rig->device, &memory, NULL), 0);
    walk.there[number] = !walk.there[number];
}

static void set_all(unsigned number)
{
    struct hf_device_memory memory[PARTS];
    size_t count = 0;

    (void)number;
    for (unsigned i = 0; i < PARTS; i++) {
        walk.there[i] = i == 0 || some(2) == 0;
        if (walk.there[i])
            memory[count++] = part(walk.rig, i);
    }
    assert_int_equal(hf_device_set_memory(walk.rig->device, memory, count, NULL), 0);
}

static void do_some(unsigned number)
{
    (void)number;
    dispatch(some(3) * HF_NS_PER_MS / 4);
}

static void kill_it(unsigned number)
{
    if (number != 0)
        return;
    backend_end(walk.pid, true);
    if (some(2) == 0)
        dispatch(2 * HF_NS_PER_MS);
    walk.pid = story_backend(walk.rig, &walk.script);
}

/* In the end it knows all there is, and nothing else. */
static void settle(unsigned number)
{
    struct hf_device *device = walk.rig->device;
    uint64_t deadline_ns = hf_clock_ns() + 10 * HF_NS_PER_S;

    if (number > 2)
        return;
    do {
        assert_true(hf_clock_ns() < deadline_ns);
        dispatch(HF_NS_PER_MS / 10);
    } while (rig_phase(walk.rig) != HF_PHASE_RUNNING || !hf_device_memory_ready(device) ||
             !hf_device_memory_released(device));
    assert_memory_equal(walk.told, walk.there, sizeof(walk.told));
}

static void (*const steps[])(unsigned) = { add_or_remove, add_or_remove, add_or_remove, set_all,
                                           do_some,       kill_it,       settle };

static void memory_is_what_the_back_end_was_told(struct rig *rig, uint64_t lacks_protocol)
{
    memset(&walk, 0, sizeof(walk));
    walk.rig = rig;
    walk.random = 20261122;
    walk.script.lacks_protocol = lacks_protocol;
    walk.there[0] = true;
    walk.pid = story_backend(rig, &walk.script);
    rig_start(rig);
    kill_it(0);
    settle(0);
    unsigned fds = rig_count_fds();
    for (unsigned i = 0; i < STEPS; i++)
        steps[some(sizeof(steps) / sizeof(steps[0]))](some(PARTS));
    for (unsigned i = 1; i < PARTS; i++) {
        if (walk.there[i])
            add_or_remove(i);
    }
    settle(0);
    assert_true(walk.releases > 20);
    assert_int_equal(rig_count_fds(), fds);
    backend_end(walk.pid, true);
}

static void whatever_comes_and_goes_memory_is_what_the_back_end_was_told(void **state)
{
    memory_is_what_the_back_end_was_told(*state, 0);
}

static void and_so_it_is_without_acknowledgements(void **state)
{
    memory_is_what_the_back_end_was_told(*state, HF_PROTOCOL_FEATURE(REPLY_ACK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(whatever_comes_and_goes_memory_is_what_the_back_end_was_told),
        STORY(and_so_it_is_without_acknowledgements),
    };

    return cmocka_run_group_tests_name("device/memory walk", tests, NULL, NULL);
}
