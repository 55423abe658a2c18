/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupts: where they go, and that none is lost when that changes (R10). The back-end calls a
 * ring each time that it is kicked. */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#define RING 2

/* How often it was rung since it was last read. */
static uint64_t rings_of(int fd)
{
    uint64_t value = 0;

    return read(fd, &value, sizeof(value)) == (ssize_t)sizeof(value) ? value : 0;
}

static void until_rung(struct rig *rig, int fd, uint64_t times)
{
    struct pollfd items[] = { { .fd = hf_device_fd(rig->device), .events = POLLIN },
                              { .fd = fd, .events = POLLIN } };
    uint64_t deadline_ns = hf_clock_ns() + 20 * HF_NS_PER_S;

    for (uint64_t rung = 0; rung < times;) {
        assert_true(hf_clock_ns() < deadline_ns);
        poll(items, 2, 100);
        hf_device_dispatch(rig->device);
        rung += rings_of(fd);
    }
}

/* Every change that was made so far is told and confirmed, and what it rings has rung. */
static void until_told(struct rig *rig)
{
    do {
        rig_dispatch_for(rig, HF_NS_PER_MS);
    } while (!hf_frontend_is_settled(&rig->device->frontend));
    rig_dispatch_for(rig, HF_NS_PER_MS);
}

/* The back-end calls the ring, and has done so on return. */
static void call(struct rig *rig, uint16_t queue)
{
    unsigned before = story.board->kicks[queue];

    assert_int_equal(hf_device_kick(rig->device, queue, NULL), 0);
    backend_board_await(&story.board->kicks[queue], before + 1);
}

/* At each change all rings are called once: of that nothing is kept any more. */
static void forget_calls(struct rig *rig)
{
    struct hf_device_line *line = &rig->device->lines[RING];

    until_told(rig);
    rings_of(rig->call);
    line->pending = false;
    if (line->own_call >= 0)
        rings_of(line->own_call);
}

/* At a start each ring is kicked, and so called. */
static void until_started(struct rig *rig)
{
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        backend_board_await(&story.board->kicks[i], 1);
    forget_calls(rig);
}

/* Rings whose kicks can be told apart. */
static void ask_to_start(struct rig *rig)
{
    rig_ask_to_start(rig);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
}

static pid_t start(struct rig *rig, struct backend_script *script)
{
    pid_t pid = story_backend(rig, script);

    ask_to_start(rig);
    until_started(rig);
    return pid;
}

static void mask(struct rig *rig)
{
    assert_int_equal(hf_device_mask_call(rig->device, RING, true), 0);
    forget_calls(rig);
}

static void masked_interrupts_are_kept_and_delivered_once_unmasked(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    mask(rig);
    assert_false(hf_device_call_pending(rig->device, RING));
    call(rig, RING);
    call(rig, RING);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(rings_of(rig->call), 0);
    assert_true(hf_device_call_pending(rig->device, RING));
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(rings_of(rig->call), 1);
    assert_false(hf_device_call_pending(rig->device, RING));
    assert_int_equal(hf_device_mask_call(rig->device, RING, true), 0);
    assert_false(hf_device_call_pending(rig->device, RING)); /* it was delivered */
    backend_end(pid, true);
}

static void a_pending_interrupt_is_seen_without_a_dispatch(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    mask(rig);
    call(rig, RING);
    assert_true(hf_device_call_pending(rig->device, RING));
    assert_true(hf_device_call_pending(rig->device, RING));
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(rings_of(rig->call), 1);
    backend_end(pid, true);
}

static void nothing_kept_nothing_delivered(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    mask(rig);
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(rings_of(rig->call), 0);
    backend_end(pid, true);
}

/* Until it hears of the new descriptor the back-end rings the old one; even after it did. */
static void an_interrupt_on_the_old_descriptor_is_not_lost_at_mask_and_unmask(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .rings_old_call = true };
    pid_t pid = start(rig, &script);

    assert_int_equal(hf_device_mask_call(rig->device, RING, true), 0);
    until_rung(rig, rig->call, 1 + 2); /* the two other rings are called at a change, too */
    forget_calls(rig);
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    until_rung(rig, rig->call, 1 + RIG_QUEUES);
    backend_end(pid, true);
}

static void a_descriptor_that_comes_while_masked_is_used_once_unmasked(void **state)
{
    struct rig *rig = *state;
    int later = hf_event_create();
    pid_t pid = start(rig, NULL);

    mask(rig);
    call(rig, RING);
    assert_int_equal(hf_device_set_call(rig->device, RING, later), 0);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(rings_of(later), 0);
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(rings_of(later), 1);
    forget_calls(rig);
    rings_of(later);
    call(rig, RING);
    assert_int_equal(rings_of(later), 1);
    assert_int_equal(rings_of(rig->call), 0);
    hf_fd_close(&later);
    backend_end(pid, true);
}

static void a_descriptor_taken_away_while_masked_gets_nothing(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    mask(rig);
    call(rig, RING);
    assert_int_equal(hf_device_set_call(rig->device, RING, -1), 0);
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(rings_of(rig->call), 0);
    story_until(rig, "-> SET_VRING_CALL ring=2 no-fd", 1);
    backend_end(pid, true);
}

static void masking_twice_is_masking_once(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);

    story_forget();
    for (unsigned i = 0; i < 2; i++)
        mask(rig);
    assert_int_equal(story_times("-> SET_VRING_CALL ring=2"), 1);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    until_told(rig);
    assert_int_equal(story_times("-> SET_VRING_CALL ring=2"), 2);
    backend_end(pid, true);
}

static void a_switch_is_told_and_confirmed_before_the_rings_are_called(void **state)
{
    struct rig *rig = *state;
    int later = hf_event_create();
    pid_t pid = start(rig, NULL);

    story_forget();
    backend_board_hold(story.board, HF_REQUEST_SET_VRING_CALL);
    assert_int_equal(hf_device_set_call(rig->device, RING, later), 0);
    story_until(rig, "-> SET_VRING_CALL ring=2 fds=1 need_reply", 1);
    backend_board_await_held(story.board);
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_int_equal(rings_of(later), 0);
    assert_int_equal(rings_of(rig->call), 0);
    backend_board_hold(story.board, 0);
    until_rung(rig, later, 1);
    until_rung(rig, rig->call, RIG_QUEUES - 1);
    assert_int_equal(story_times("-> "), 1); /* the rings run on */
    hf_fd_close(&later);
    backend_end(pid, true);
}

/* ---- by the host's operation ----------------------------------------------------------------- */

static unsigned interrupts[RIG_QUEUES];

static void interrupt(void *host, uint16_t queue)
{
    (void)host;
    interrupts[queue]++;
}

static pid_t start_with_operation(struct rig *rig)
{
    rig->ops.interrupt = interrupt;
    story_make_device(rig);
    pid_t pid = story_backend(rig, NULL);
    ask_to_start(rig);
    assert_int_equal(hf_device_set_call(rig->device, RING, -1), 0);
    until_started(rig);
    memset(interrupts, 0, sizeof(interrupts));
    return pid;
}

static void until_interrupted(struct rig *rig, unsigned times)
{
    uint64_t deadline_ns = hf_clock_ns() + 20 * HF_NS_PER_S;

    while (interrupts[RING] < times) {
        assert_true(hf_clock_ns() < deadline_ns);
        rig_dispatch_for(rig, HF_NS_PER_MS);
    }
}

static void without_a_descriptor_interrupts_come_by_the_operation(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_operation(rig);

    call(rig, RING);
    assert_int_equal(interrupts[RING], 0); /* in a dispatch, and nowhere else */
    until_interrupted(rig, 1);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(interrupts[RING], 1);
    call(rig, 0); /* which has a descriptor */
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(interrupts[0], 0);
    assert_int_equal(rings_of(rig->call), 1);
    backend_end(pid, true);
}

static void without_a_descriptor_a_masked_interrupt_is_kept_for_the_operation(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_operation(rig);

    mask(rig);
    memset(interrupts, 0, sizeof(interrupts));
    call(rig, RING);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(interrupts[RING], 0);
    assert_true(hf_device_call_pending(rig->device, RING));
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(interrupts[RING], 0); /* in a dispatch, and nowhere else */
    until_interrupted(rig, 1);
    backend_end(pid, true);
}

static void the_operation_gives_way_to_a_descriptor_and_comes_back(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_operation(rig);

    assert_int_equal(hf_device_set_call(rig->device, RING, rig->call), 0);
    forget_calls(rig);
    memset(interrupts, 0, sizeof(interrupts));
    call(rig, RING);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(interrupts[RING], 0);
    assert_int_equal(rings_of(rig->call), 1);
    assert_int_equal(hf_device_set_call(rig->device, RING, -1), 0);
    until_told(rig);
    memset(interrupts, 0, sizeof(interrupts));
    call(rig, RING);
    until_interrupted(rig, 1);
    backend_end(pid, true);
}

static void a_device_at_rest_keeps_no_descriptor_for_the_operation(void **state)
{
    struct rig *rig = *state;
    unsigned fds = rig_count_fds();
    pid_t pid = start_with_operation(rig);

    assert_int_not_equal(rig->device->lines[RING].own_call, -1);
    hf_device_reset(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        assert_int_equal(hf_device_set_call(rig->device, i, -1), 0);
    backend_end(pid, true);
    assert_int_equal(hf_device_unrealize(rig->device, 0, NULL), 0);
    assert_int_equal(rig_count_fds(), fds);
}

/* ---- scarcity -------------------------------------------------------------------------------- */

/* No descriptor can be made until this is undone. */
static struct rlimit forbid_descriptors(void)
{
    struct rlimit before;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = HF_FD_FIRST + 1, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

static void who_cannot_be_masked_for_want_of_a_descriptor_is_as_before(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct rlimit before = forbid_descriptors();
    int masked = hf_device_mask_call(rig->device, RING, true);
    int set = hf_device_set_call(rig->device, RING, rig->kick);

    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(masked, -EMFILE);
    assert_int_equal(set, -EMFILE);
    assert_false(hf_device_call_pending(rig->device, RING));
    call(rig, RING);
    assert_int_equal(rings_of(rig->call), 1);
    mask(rig);
    backend_end(pid, true);
}

/* What is kept could not be delivered else. */
static void unmasking_takes_no_descriptor(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_operation(rig);

    mask(rig);
    memset(interrupts, 0, sizeof(interrupts));
    call(rig, RING);
    struct rlimit before = forbid_descriptors();
    int unmasked = hf_device_mask_call(rig->device, RING, false);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(unmasked, 0);
    until_interrupted(rig, 1);
    backend_end(pid, true);
}

static void there_is_no_call_of_a_queue_that_is_not_there(void **state)
{
    struct rig *rig = *state;
    unsigned fds = rig_count_fds();

    assert_int_equal(hf_device_set_call(rig->device, RIG_QUEUES, rig->call), -EINVAL);
    assert_int_equal(hf_device_mask_call(rig->device, RIG_QUEUES, true), -EINVAL);
    assert_int_equal(hf_device_mask_call(rig->device, UINT16_MAX, true), -EINVAL);
    assert_false(hf_device_call_pending(rig->device, RIG_QUEUES));
    assert_int_equal(rig_count_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(masked_interrupts_are_kept_and_delivered_once_unmasked),
        STORY(a_pending_interrupt_is_seen_without_a_dispatch),
        STORY(nothing_kept_nothing_delivered),
        STORY(an_interrupt_on_the_old_descriptor_is_not_lost_at_mask_and_unmask),
        STORY(a_descriptor_that_comes_while_masked_is_used_once_unmasked),
        STORY(a_descriptor_taken_away_while_masked_gets_nothing),
        STORY(masking_twice_is_masking_once),
        STORY(a_switch_is_told_and_confirmed_before_the_rings_are_called),
        STORY(without_a_descriptor_interrupts_come_by_the_operation),
        STORY(without_a_descriptor_a_masked_interrupt_is_kept_for_the_operation),
        STORY(the_operation_gives_way_to_a_descriptor_and_comes_back),
        STORY(a_device_at_rest_keeps_no_descriptor_for_the_operation),
        STORY(who_cannot_be_masked_for_want_of_a_descriptor_is_as_before),
        STORY(unmasking_takes_no_descriptor),
        STORY(there_is_no_call_of_a_queue_that_is_not_there),
    };

    return cmocka_run_group_tests_name("device/call", tests, NULL, NULL);
}
