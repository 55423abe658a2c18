/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory comes and goes: what the back-end is told of it, and when it is given back. */
#include "../cmocka_all.h"

#include "parts.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void take(struct rig *rig, unsigned number)
{
    struct hf_device_memory memory = part(rig, number);

    assert_int_equal(hf_device_remove_memory(rig->device, memory.guest_address, PART, NULL), 0);
}

static void not_released(struct rig *rig)
{
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_false(hf_device_memory_released(rig->device));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_MEMORY_RELEASED], 0);
}

/* It is given back when the request whose line begins so is answered, and not before. */
static void released_by(struct rig *rig, enum hf_request request, const char *line)
{
    backend_board_hold(story.board, request);
    take(rig, 1);
    story_until(rig, line, 1);
    not_released(rig);
    backend_board_hold(story.board, 0);
    released(rig);
}

/* ---- add, remove ----------------------------------------------------------------------------- */

static void memory_is_added_and_removed_while_the_rings_run_on(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    assert_true(hf_device_memory_released(rig->device));
    add(rig, 2);
    assert_true(hf_device_memory_released(rig->device));
    story_until(rig, "<- ADD_MEM_REG reply", 1);
    take(rig, 1);
    assert_false(hf_device_memory_released(rig->device));
    released(rig);
    story_first("-> ADD_MEM_REG [guest=0x300000 size=0x10000 user=0x");
    story_find("event MEMORY_RELEASED", story_first("<- REM_MEM_REG reply 0"));
    story_first("-> REM_MEM_REG [guest=0x200000 size=0x10000 user=0x");
    assert_int_equal(story_times("-> "), 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    backend_end(pid, true);
}

static void memory_is_not_released_before_the_back_end_has_confirmed(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    released_by(rig, HF_REQUEST_REM_MEM_REG, "-> REM_MEM_REG");
    backend_end(pid, true);
}

static void without_acknowledgements_an_answer_behind_the_removal_confirms_it(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(REPLY_ACK) };
    pid_t pid = start(rig, &script);

    released_by(rig, HF_REQUEST_GET_FEATURES, "-> GET_FEATURES");
    story_find("<- GET_FEATURES reply", story_first("-> REM_MEM_REG"));
    backend_end(pid, true);
}

static void without_slots_the_whole_table_is_told_and_confirmed(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) };
    pid_t pid = start(rig, &script);

    released_by(rig, HF_REQUEST_SET_MEM_TABLE, "-> SET_MEM_TABLE regions=1 [guest=0x100000");
    assert_int_equal(story_times("-> "), 1);
    backend_end(pid, true);
}

static void memory_that_comes_back_is_told_anew(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    take(rig, 1);
    add(rig, 1);
    released(rig);
    story_find("-> ADD_MEM_REG [guest=0x200000", story_first("-> REM_MEM_REG [guest=0x200000"));
    backend_end(pid, true);
}

static void removed_while_nobody_is_there_it_is_released_and_never_told(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    take(rig, 1);
    add(rig, 2);
    released(rig);
    story_forget();
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(story_times("-> ADD_MEM_REG [guest=0x200000"), 0);
    assert_int_equal(story_times("-> ADD_MEM_REG [guest=0x300000"), 1);
    assert_int_equal(story_times("-> ADD_MEM_REG"), 2);
    backend_end(pid, true);
}

static void removed_in_the_midst_of_a_handshake_it_is_never_told(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    add(rig, 1);
    backend_board_hold(story.board, HF_REQUEST_GET_QUEUE_NUM);
    hf_device_realize_begin(rig->device);
    story_until(rig, "-> GET_QUEUE_NUM", 1);
    take(rig, 1);
    backend_board_hold(story.board, 0);
    released(rig);
    rig_start(rig);
    assert_int_equal(story_times("-> ADD_MEM_REG [guest=0x200000"), 0);
    backend_end(pid, true);
}

static void who_dies_before_it_confirmed_has_released_it_when_it_is_at_rest(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    backend_board_hold(story.board, HF_REQUEST_REM_MEM_REG);
    take(rig, 1);
    story_until(rig, "-> REM_MEM_REG", 1);
    not_released(rig);
    backend_end(pid, true);
    released(rig);
    story_find("event MEMORY_RELEASED", story_first("event STOPPED"));
}

/* A hung process may wake up and write to it, whoever else serves meanwhile. */
static void a_process_that_is_not_fenced_keeps_memory_even_if_the_next_is_connected(void **state)
{
    struct rig *rig = *state;
    pid_t hung = start(rig, NULL);

    kill(hung, SIGSTOP);
    hf_device_force_stop(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 2);
    rig_forget_socket(rig);
    pid_t pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    take(rig, 1);
    not_released(rig);
    backend_end(hung, true);
    released(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    story_find("event MEMORY_RELEASED", story_first("event STOPPED"));
    backend_end(pid, true);
}

static void nothing_is_told_of_memory_that_was_released(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    for (unsigned number = 2; number < 8; number++) {
        add(rig, number);
        take(rig, number - 1);
        rig_until(rig, HF_DEVICE_EVENT_MEMORY_RELEASED, number - 1);
        story_forget();
        rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
        assert_int_equal(story.count, 0);
    }
    backend_end(pid, true);
}

/* ---- when it may be used ----------------------------------------------------------------------
 */

static void not_ready(struct rig *rig)
{
    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_false(hf_device_memory_ready(rig->device));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_MEMORY_READY], 0);
}

static void ready(struct rig *rig)
{
    rig_until(rig, HF_DEVICE_EVENT_MEMORY_READY, 1);
    assert_true(hf_device_memory_ready(rig->device));
}

/* The same of an addition. */
static void ready_by(struct rig *rig, enum hf_request request, const char *line)
{
    backend_board_hold(story.board, request);
    add(rig, 2);
    story_until(rig, line, 1);
    not_ready(rig);
    backend_board_hold(story.board, 0);
    ready(rig);
}

static void memory_is_ready_when_the_back_end_has_confirmed_it(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    ready_by(rig, HF_REQUEST_ADD_MEM_REG, "-> ADD_MEM_REG");
    assert_true(hf_device_memory_released(rig->device));
    backend_end(pid, true);
}

static void without_acknowledgements_an_answer_behind_it_confirms_new_memory(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(REPLY_ACK) };
    pid_t pid = start(rig, &script);

    ready_by(rig, HF_REQUEST_GET_FEATURES, "-> GET_FEATURES");
    backend_end(pid, true);
}

static void of_a_whole_table_what_is_new_is_ready_later(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory table[] = { own(rig), part(rig, 1), part(rig, 2) };

    assert_int_equal(hf_device_set_memory(rig->device, table, 2, NULL), 0);
    assert_true(hf_device_memory_ready(rig->device));
    assert_int_equal(hf_device_set_memory(rig->device, table, 3, NULL), 0);
    assert_false(hf_device_memory_ready(rig->device));
    ready(rig);
    backend_end(pid, true);
}

/* Those that start hear of it before. */
static void where_no_rings_run_memory_is_ready_at_once(void **state)
{
    struct rig *rig = *state;

    add(rig, 1);
    assert_true(hf_device_memory_ready(rig->device));
    pid_t pid = story_backend(rig, NULL);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    add(rig, 2);
    assert_true(hf_device_memory_ready(rig->device));
    rig_start(rig);
    story_find("-> SET_VRING_KICK", story_first("-> ADD_MEM_REG [guest=0x300000"));
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    add(rig, 3);
    assert_true(hf_device_memory_ready(rig->device));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_MEMORY_READY], 0);
}

static void who_dies_before_it_confirmed_leaves_memory_ready(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    backend_board_hold(story.board, HF_REQUEST_ADD_MEM_REG);
    add(rig, 2);
    story_until(rig, "-> ADD_MEM_REG", 1);
    not_ready(rig);
    backend_end(pid, true);
    ready(rig);
    story_find("event MEMORY_READY", story_first("event STOPPED"));
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void expect_add(struct rig *rig, struct hf_device_memory memory, int code, const char *text)
{
    struct hf_error error;
    unsigned fds = rig_count_fds();

    assert_int_equal(hf_device_add_memory(rig->device, &memory, &error), code);
    assert_int_equal(error.code, -code);
    assert_string_equal(error.text, text);
    assert_int_equal(rig_count_fds(), fds);
}

static void memory_that_cannot_be_is_refused_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    struct hf_device_memory memory = part(rig, 1);

    memory.guest_address = RIG_MEMORY + PART - 1;
    expect_add(rig, memory, -EEXIST, "cannot add memory at 0x10ffff, 0x10000 bytes: File exists");
    memory = part(rig, 1);
    memory.size_bytes = 0;
    expect_add(rig, memory, -EINVAL, "cannot add memory at 0x200000, 0x0 bytes: Invalid argument");
    memory = part(rig, 1);
    memory.guest_address = UINT64_MAX - PART + 2;
    expect_add(rig, memory, -EINVAL,
               "cannot add memory at 0xffffffffffff0001, 0x10000 bytes: Invalid argument");
    memory = part(rig, 1);
    memory.fd = -1;
    struct hf_error error;
    assert_int_equal(hf_device_add_memory(rig->device, &memory, &error), -EBADF);
    assert_non_null(
        strstr(error.text, "of memory at 0x200000, 0x10000 bytes: Bad file descriptor"));
}

#define NOT_HELD                                                                                   \
    "cannot add memory at 0x200000, 0x10000 bytes: its descriptor is no file that holds them at "

/* The whole of the rig's file is one part. */
static void memory_that_its_file_does_not_hold_is_refused(void **state)
{
    struct rig *rig = *state;
    struct hf_device_memory memory = part(rig, 1);

    memory.fd_offset = 1;
    expect_add(rig, memory, -EINVAL, NOT_HELD "0x1");
    memory.fd_offset = PART;
    expect_add(rig, memory, -EINVAL, NOT_HELD "0x10000");
    memory.fd_offset = UINT64_MAX - PART + 1;
    expect_add(rig, memory, -EINVAL, NOT_HELD "0xffffffffffff0000");
    add(rig, 1);
}

static void what_is_no_file_is_no_memory(void **state)
{
    struct rig *rig = *state;
    struct hf_device_memory memory = part(rig, 1);
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    memory.fd = ends[0];
    expect_add(rig, memory, -EINVAL, NOT_HELD "0x0");
    memory.fd = rig->kick;
    expect_add(rig, memory, -EINVAL, NOT_HELD "0x0");
    hf_fd_close_all(ends, 2);
}

/* DAX; it is as long as it says in sysfs. */
static void a_character_device_is_believed_to_be_long_enough(void **state)
{
    struct rig *rig = *state;
    struct hf_device_memory memory = part(rig, 1);

    memory.fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
    assert_int_equal(hf_device_add_memory(rig->device, &memory, NULL), 0);
    hf_fd_close(&memory.fd);
}

static void more_parts_than_the_back_end_takes_are_refused(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .slots = 2 };
    pid_t pid = start(rig, &script);
    struct hf_device_memory memory[] = { own(rig), part(rig, 1), part(rig, 2) };
    struct hf_error error;

    expect_add(rig, part(rig, 2), -ENOSPC, "the back-end takes only 2 memory regions");
    assert_int_equal(hf_device_set_memory(rig->device, memory, 3, &error), -ENOSPC);
    assert_string_equal(error.text, "the back-end takes only 2 memory regions");
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

static void only_what_is_there_and_holds_no_ring_is_removed(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_error error;

    assert_int_equal(hf_device_remove_memory(rig->device, 0x200000, PART / 2, &error), -ENOENT);
    assert_string_equal(error.text, "cannot remove memory at 0x200000, 0x8000 bytes: No such file "
                                    "or directory");
    assert_int_equal(hf_device_remove_memory(rig->device, 0x200001, PART, NULL), -ENOENT);
    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, PART, &error), -EBUSY);
    assert_string_equal(error.text, "cannot remove memory at 0x100000, 0x10000 bytes: Device or "
                                    "resource busy");
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

/* The rings lie at guest addresses; the same host memory may be seen at others, too. */
static void another_view_of_the_memory_of_a_ring_is_removed(void **state)
{
    struct rig *rig = *state;
    struct hf_device_memory view = own(rig);
    pid_t pid = start(rig, NULL);

    view.guest_address = 0x800000;
    assert_int_equal(hf_device_add_memory(rig->device, &view, NULL), 0);
    assert_int_equal(hf_device_remove_memory(rig->device, 0x800000, PART, NULL), 0);
    released(rig);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(memory_is_added_and_removed_while_the_rings_run_on),
        STORY(memory_is_not_released_before_the_back_end_has_confirmed),
        STORY(without_acknowledgements_an_answer_behind_the_removal_confirms_it),
        STORY(without_slots_the_whole_table_is_told_and_confirmed),
        STORY(memory_that_comes_back_is_told_anew),
        STORY(removed_while_nobody_is_there_it_is_released_and_never_told),
        STORY(removed_in_the_midst_of_a_handshake_it_is_never_told),
        STORY(who_dies_before_it_confirmed_has_released_it_when_it_is_at_rest),
        STORY(a_process_that_is_not_fenced_keeps_memory_even_if_the_next_is_connected),
        STORY(memory_is_ready_when_the_back_end_has_confirmed_it),
        STORY(without_acknowledgements_an_answer_behind_it_confirms_new_memory),
        STORY(of_a_whole_table_what_is_new_is_ready_later),
        STORY(where_no_rings_run_memory_is_ready_at_once),
        STORY(who_dies_before_it_confirmed_leaves_memory_ready),
        STORY(nothing_is_told_of_memory_that_was_released),
        STORY(memory_that_cannot_be_is_refused_with_a_sentence),
        STORY(memory_that_its_file_does_not_hold_is_refused),
        STORY(what_is_no_file_is_no_memory),
        STORY(a_character_device_is_believed_to_be_long_enough),
        STORY(more_parts_than_the_back_end_takes_are_refused),
        STORY(only_what_is_there_and_holds_no_ring_is_removed),
        STORY(another_view_of_the_memory_of_a_ring_is_removed),
    };

    return cmocka_run_group_tests_name("device/memory", tests, NULL, NULL);
}
