/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors of kicks and calls: what is taken for one, and that nothing has changed where it is
 * not taken. */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING 2

static int (*const setters[])(struct hf_device *, uint16_t, int) = { hf_device_set_kick,
                                                                     hf_device_set_call };

/* Nothing is under way, and nothing told. */
static void let_it_settle(struct rig *rig)
{
    do {
        rig_dispatch_for(rig, HF_NS_PER_MS);
    } while (!hf_frontend_is_settled(&rig->device->frontend));
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    story_forget();
}

static void forget_calls(const struct rig *rig)
{
    hf_event_drain(rig->call);
}

/* Runs, and only the one ring has the rig's kick. */
static pid_t start(struct rig *rig)
{
    pid_t pid = story_backend(rig, NULL);

    rig_ask_to_start(rig);
    for (uint16_t i = 0; i < RING; i++)
        assert_int_equal(hf_device_set_kick(rig->device, i, -1), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        backend_board_await(&story.board->kicks[i], 1);
    let_it_settle(rig);
    forget_calls(rig);
    return pid;
}

/* It calls the ring at each kick. */
static void it_is_kicked_by(int kick)
{
    unsigned before = story.board->kicks[RING];

    assert_int_equal(hf_event_signal(kick), 0);
    backend_board_await(&story.board->kicks[RING], before + 1);
}

static void all_is_as_before(struct rig *rig)
{
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    forget_calls(rig);
    it_is_kicked_by(rig->kick);
    assert_int_equal(hf_event_drain(rig->call), 0);
}

/* ---- what is taken --------------------------------------------------------------------------- */

static void expect_unfit(struct rig *rig, int fd)
{
    unsigned fds = rig_count_fds();

    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(setters[i](rig->device, RING, fd), -EINVAL);
    assert_int_equal(rig_count_fds(), fds);
    all_is_as_before(rig);
}

static void what_is_no_bell_is_refused(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig);
    int closed = hf_fd_dup(rig->kick);
    HF_AUTO_FD int read_only = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    HF_AUTO_FD int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    expect_unfit(rig, rig->memory_fd); /* a regular file */
    expect_unfit(rig, read_only);
    expect_unfit(rig, folder);
    hf_fd_close(&(int){ closed });
    expect_unfit(rig, closed);
    backend_end(pid, true);
}

static void pipes_and_sockets_are_bells(void **state)
{
    struct rig *rig = *state;
    int kick[2], call[2];
    pid_t pid = start(rig);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, kick), 0);
    assert_int_equal(pipe2(call, O_CLOEXEC), 0);
    assert_int_equal(hf_device_set_call(rig->device, RING, call[1]), 0);
    assert_int_equal(hf_device_set_kick(rig->device, RING, kick[1]), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    let_it_settle(rig);
    while (hf_event_drain(call[0]) == 0)
        ;
    it_is_kicked_by(kick[0]);
    assert_int_equal(hf_event_drain(call[0]), 0);
    hf_fd_close_all(kick, 2);
    hf_fd_close_all(call, 2);
    backend_end(pid, true);
}

/* ---- scarcity -------------------------------------------------------------------------------- */

/* No more than so many descriptors (0 or 1) can be made until this is undone. */
static struct rlimit leave_descriptors(unsigned count)
{
    struct rlimit before, few;
    int next = hf_fd_dup(2);

    hf_fd_close(&(int){ next });
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){ .rlim_cur = (rlim_t)next + count, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    return before;
}

static int set_with_few(struct rig *rig, unsigned setter, int fd, unsigned left)
{
    struct rlimit before = leave_descriptors(left);
    int result = setters[setter](rig->device, RING, fd);

    setrlimit(RLIMIT_NOFILE, &before);
    return result;
}

/* -1 is one of the device's own, while the ring runs. */
static void who_cannot_have_a_new_kick_keeps_the_old_one(void **state)
{
    struct rig *rig = *state;
    int other = hf_event_create();
    pid_t pid = start(rig);
    unsigned fds = rig_count_fds();

    assert_int_equal(set_with_few(rig, 0, other, 0), -EMFILE);
    all_is_as_before(rig);
    assert_int_equal(set_with_few(rig, 0, -1, 0), -EMFILE);
    all_is_as_before(rig);
    assert_int_equal(rig_count_fds(), fds);
    assert_int_equal(set_with_few(rig, 0, other, 1), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    let_it_settle(rig);
    it_is_kicked_by(other);
    hf_fd_close(&other);
    backend_end(pid, true);
}

static void who_cannot_have_a_new_call_keeps_the_old_one(void **state)
{
    struct rig *rig = *state;
    int other = hf_event_create();
    pid_t pid = start(rig);
    unsigned fds = rig_count_fds();

    assert_int_equal(set_with_few(rig, 1, other, 0), -EMFILE);
    all_is_as_before(rig);
    assert_int_equal(rig_count_fds(), fds);
    assert_int_equal(set_with_few(rig, 1, -1, 0), 0); /* nowhere: that takes none */
    let_it_settle(rig);
    forget_calls(rig);
    it_is_kicked_by(rig->kick);
    assert_int_equal(hf_event_drain(rig->call), -EAGAIN);
    hf_fd_close(&other);
    backend_end(pid, true);
}

/* What comes while it is masked is delivered at the host's descriptor afterwards. */
static void masking_keeps_the_call(struct rig *rig)
{
    assert_int_equal(hf_device_mask_call(rig->device, RING, true), 0);
    let_it_settle(rig);
    forget_calls(rig);
    it_is_kicked_by(rig->kick);
    assert_int_equal(hf_event_drain(rig->call), -EAGAIN);
    assert_int_equal(hf_device_mask_call(rig->device, RING, false), 0);
    assert_int_equal(hf_event_drain(rig->call), 0);
    let_it_settle(rig);
}

static void while_it_is_masked_too(void **state)
{
    struct rig *rig = *state;
    int other = hf_event_create();
    pid_t pid = start(rig);

    assert_int_equal(hf_device_mask_call(rig->device, RING, true), 0);
    assert_int_equal(set_with_few(rig, 1, other, 0), -EMFILE);
    masking_keeps_the_call(rig); /* it is masked already */
    assert_int_equal(hf_event_drain(other), -EAGAIN);
    hf_fd_close(&other);
    backend_end(pid, true);
}

static unsigned interrupts;

static void count_interrupt(void *host, uint16_t queue)
{
    (void)host;
    (void)queue;
    interrupts++;
}

/* The operation takes two: the device's own, and the back-end's of it. */
static void who_cannot_have_interrupts_by_the_operation_keeps_the_descriptor(void **state)
{
    struct rig *rig = *state;

    rig->ops.interrupt = count_interrupt;
    story_make_device(rig);
    pid_t pid = start(rig);
    interrupts = 0;
    for (unsigned left = 0; left < 2; left++) {
        assert_int_equal(set_with_few(rig, 1, -1, left), -EMFILE);
        all_is_as_before(rig);
    }
    masking_keeps_the_call(rig);
    assert_int_equal(interrupts, 0);
    assert_int_equal(hf_device_set_call(rig->device, RING, -1), 0);
    let_it_settle(rig);
    interrupts = 0;
    it_is_kicked_by(rig->kick);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(interrupts, 1);
    backend_end(pid, true);
}

/* At rest it needs no kick, and no interrupt comes. */
static void at_rest_no_descriptor_takes_none(void **state)
{
    struct rig *rig = *state;

    rig->ops.interrupt = count_interrupt;
    story_make_device(rig);
    rig_set_up_queue(rig, RING);
    unsigned fds = rig_count_fds();
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(set_with_few(rig, i, -1, 0), 0);
    assert_int_equal(rig_count_fds(), fds - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_no_bell_is_refused),
        STORY(pipes_and_sockets_are_bells),
        STORY(who_cannot_have_a_new_kick_keeps_the_old_one),
        STORY(who_cannot_have_a_new_call_keeps_the_old_one),
        STORY(while_it_is_masked_too),
        STORY(who_cannot_have_interrupts_by_the_operation_keeps_the_descriptor),
        STORY(at_rest_no_descriptor_takes_none),
    };

    return cmocka_run_group_tests_name("device/bells", tests, NULL, NULL);
}
