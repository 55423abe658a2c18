/* SPDX-License-Identifier: BSD-3-Clause */
/* When the rings of a lost back-end are at rest, and when they are not. */
#include "../cmocka_all.h"

#include "rig.h"

#include "device/device_private.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/lock.h"
#include "os/process.h"
#include "os/stream.h"
#include "ring/inflight.h"
#include "vscsi/config.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void hang_up_on_a_stopped(struct rig *rig, pid_t pid)
{
    kill(pid, SIGSTOP);
    waitpid(pid, NULL, WUNTRACED);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
}

/* A connect to a stopped process succeeds: the kernel does that. */
static void a_stopped_process_that_can_be_connected_to_is_not_at_rest(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    hang_up_on_a_stopped(rig, pid);
    hf_device_realize_begin(rig->device);
    rig_dispatch_for(rig, 50 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    assert_false(hf_device_at_rest(rig->device));
    kill(pid, SIGCONT);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 1);
    backend_end(pid, true);
}

/* Somebody else listens at the socket, and answers. */
static void another_process_that_answers_is_no_fence(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    hang_up_on_a_stopped(rig, pid);
    rig_forget_socket(rig);
    pid_t other = backend_start(rig->path, &script);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    rig_dispatch_for(rig, 50 * HF_NS_PER_MS);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    assert_false(hf_device_at_rest(rig->device));
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    backend_end(other, true);
}

/* It has seen the end of the old session, but may still be at its record. */
static void the_region_of_the_process_that_answers_is_not_written(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    struct hf_inflight_header header = { .version = 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    int region = hf_frontend_plan(&rig->device->frontend)->inflight.fd;
    assert_int_equal(pwrite(region, &header, sizeof(header), 0), sizeof(header));
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(hf_frontend_plan(&rig->device->frontend)->inflight.fd, region);
    assert_int_equal(pread(region, &header, sizeof(header), 0), sizeof(header));
    assert_int_equal(header.version, 0); /* settling would have initialised it */
    backend_end(pid, true);
}

/* As seen from a container: the kernel gives a pidfd of the peer, but no number. */
static void a_peer_of_a_foreign_pid_namespace_is_known_when_it_answers(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    struct hf_channel *channel = &rig->device->frontend.channel;
    if (hf_process_same(channel->pidfd, channel->pidfd) != 1) {
        backend_end(pid, true);
        skip(); /* before Linux 6.9 */
    }
    channel->pid = 0;
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FENCE], 0);
    backend_end(pid, true);
}

/* As if the kernel had no pidfds, or no descriptor had been left. */
static void lose_hold(struct rig *rig)
{
    struct hf_channel *channel = &rig->device->frontend.channel;

    hf_fd_close(&channel->pidfd);
    channel->found = HF_PROCESS_NO_RESOURCES;
}

static void connect_without_a_hold(struct rig *rig)
{
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    lose_hold(rig);
    rig_start(rig);
}

static bool is_lossy(const struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    return info.lossy;
}

/* Before the first request, and not only when it is too late. */
static void who_cannot_be_held_is_said_to_be_lossy(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    connect_without_a_hold(rig);
    assert_true(is_lossy(rig));
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "lossy"));
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "no file descriptor"));
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], "without a fence"));
    assert_true(is_lossy(rig)); /* of the last one, while there is none */
    backend_end(pid, true);
}

static void who_fences_its_units_needs_no_hold(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .adds_protocol = HF_PROTOCOL_FEATURE(CONFIG),
                                     .config_bytes = HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES,
                                     .trailer_flags = HF_VSCSI_TRAILER_FENCED };
    pid_t pid = backend_start(rig->path, &script);

    connect_without_a_hold(rig);
    rig_dispatch_for(rig, 50 * HF_NS_PER_MS);
    assert_false(is_lossy(rig));
    backend_end(pid, true);
}

/* A socket of a pair names who made it. */
static void a_peer_that_is_this_process_is_nobody_to_wait_for(void **state)
{
    struct rig *rig = *state;
    struct hf_channel *channel = &rig->device->frontend.channel;
    struct hf_channel_ops ops = { .host = NULL };
    struct hf_channel own;
    struct hf_loop loop;
    int pair[2];

    assert_int_equal(hf_loop_init(&loop), 0);
    assert_int_equal(hf_stream_pair(pair), 0);
    hf_channel_init(&own, HF_STREAM_REPLIES, &loop, &ops);
    assert_int_equal(hf_channel_adopt(&own, pair[0], NULL), 0);
    assert_int_equal(own.found, HF_PROCESS_SELF);
    assert_int_equal(own.pidfd, -1);
    channel->found = own.found;
    assert_true(is_lossy(rig));
    hf_channel_close(&own);
    close(pair[1]);
    hf_loop_done(&loop);
}

/* A device with this fence, and a back-end for it. */
static pid_t begin_with(struct rig *rig, enum hf_fence fence, const char *command)
{
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };

    rig->fence_command = command;
    rig_make_device(rig, &settings, fence);
    return backend_start(rig->path, &script);
}

static pid_t start_with_command(struct rig *rig, const char *command)
{
    pid_t pid = begin_with(rig, HF_FENCE_COMMAND, command);

    rig_start(rig);
    return pid;
}

/* Its marks would be overwritten with what they were when the region was read. */
static void without_a_fence_the_region_of_a_living_process_is_not_written(void **state)
{
    struct rig *rig = *state;
    pid_t pid = begin_with(rig, HF_FENCE_NONE, NULL);
    struct hf_inflight_header header = { .version = 0 };
    struct hf_device_info info;
    const struct hf_plan *plan;

    rig_start(rig);
    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_true(info.lossy);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_CONNECTED], "lossy"));
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "lossy"));
    plan = hf_frontend_plan(&rig->device->frontend);
    assert_int_equal(pwrite(plan->inflight.fd, &header, sizeof(header), 0), sizeof(header));
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(pread(plan->inflight.fd, &header, sizeof(header), 0), sizeof(header));
    assert_int_equal(header.version, 0); /* settling would have initialised it */
    backend_end(pid, true);
}

/* It was a go-between: the back-end behind it goes on with the rings. */
static void a_region_in_use_behind_a_dead_process_is_waited_for(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    rig_start(rig);
    const struct hf_inflight_plan *region = &hf_frontend_plan(&rig->device->frontend)->inflight;
    int user = hf_lock_part(region->fd, region->mmap_offset, region->mmap_size);
    assert_true(user >= 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1); /* after a second of waiting */
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], "still uses the in-flight region"));
    rig_dispatch_for(rig, 50 * HF_NS_PER_MS); /* it looks each 10 ms, and says so seldom */
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FENCE], 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    assert_false(hf_device_at_rest(rig->device));
    close(user);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_true(hf_device_at_rest(rig->device));
}

static void a_hung_back_end_is_killed_where_that_is_asked_for(void **state)
{
    struct rig *rig = *state;
    pid_t pid = begin_with(rig, HF_FENCE_KILL, NULL);

    rig_start(rig);
    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The command is told whom it is about; its success is the fence, though the process lives. */
static void a_command_that_succeeds_is_the_fence(void **state)
{
    struct rig *rig = *state;
    pid_t pid =
        start_with_command(rig, "test -S \"$HOLDFAST_SOCKET\" && kill -0 \"$HOLDFAST_PID\"");

    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(kill(pid, 0), 0);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FENCE], 0);
    backend_end(pid, true);
}

static void a_command_that_fails_is_none(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_command(rig, "exit 3");

    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], "exit 3"));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
}

/* Not after it failed once, either: nothing else can tell. */
static void a_command_that_fails_is_none_where_nobody_can_be_held(void **state)
{
    struct rig *rig = *state;
    pid_t pid = begin_with(rig, HF_FENCE_COMMAND, "exit 3");

    connect_without_a_hold(rig);
    assert_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "not fenced"));
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 3); /* failed, waiting after a second, failed */
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    assert_false(hf_device_at_rest(rig->device));
    backend_end(pid, true);
}

/* The kernel reaps what the host ignores. */
static void a_command_whose_status_is_lost_is_none(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_command(rig, "sleep 0.1");

    signal(SIGCHLD, SIG_IGN);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1);
    signal(SIGCHLD, SIG_DFL);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], "SIGCHLD"));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
}

static void a_command_that_nobody_waits_for_any_more_is_reaped(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start_with_command(rig, "sleep 0.3");

    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    hf_device_dispatch(rig->device);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* it is under way */
    rig_dispatch_for(rig, 900 * HF_NS_PER_MS);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* there is no child */
}

static void a_long_wait_names_the_process(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    struct hf_device_info info;
    char name[32];

    rig_start(rig);
    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_false(info.lossy);
    assert_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "lossy"));
    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1);
    snprintf(name, sizeof(name), "process %d", (int)pid);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], name));
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FENCE], 1);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_stopped_process_that_can_be_connected_to_is_not_at_rest),
        WITH_RIG(another_process_that_answers_is_no_fence),
        WITH_RIG(the_region_of_the_process_that_answers_is_not_written),
        WITH_RIG(a_region_in_use_behind_a_dead_process_is_waited_for),
        WITH_RIG(a_hung_back_end_is_killed_where_that_is_asked_for),
        WITH_RIG(a_command_that_succeeds_is_the_fence),
        WITH_RIG(a_command_that_fails_is_none),
        WITH_RIG(a_peer_of_a_foreign_pid_namespace_is_known_when_it_answers),
        WITH_RIG(who_cannot_be_held_is_said_to_be_lossy),
        WITH_RIG(who_fences_its_units_needs_no_hold),
        WITH_RIG(a_peer_that_is_this_process_is_nobody_to_wait_for),
        WITH_RIG(a_command_that_fails_is_none_where_nobody_can_be_held),
        WITH_RIG(a_command_whose_status_is_lost_is_none),
        WITH_RIG(a_command_that_nobody_waits_for_any_more_is_reaped),
        WITH_RIG(a_long_wait_names_the_process),
        WITH_RIG(without_a_fence_the_region_of_a_living_process_is_not_written),
    };

    return cmocka_run_group_tests_name("frontend/fence", tests, NULL, NULL);
}
