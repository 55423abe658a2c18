/* SPDX-License-Identifier: BSD-3-Clause */
/* When the rings of a lost back-end are at rest, and when they are not. */
#include "../cmocka_all.h"

#include "rig.h"

#include "device/device_private.h"
#include "os/clock.h"
#include "os/lock.h"
#include "ring/inflight.h"

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

/* Its marks would be overwritten with what they were when the region was read. */
static void without_a_fence_the_region_of_a_living_process_is_not_written(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };
    struct hf_inflight_header header = { .version = 0 };
    struct hf_device_info info;
    const struct hf_plan *plan;

    rig_make_device(rig, &settings, HF_FENCE_NONE);
    pid_t pid = backend_start(rig->path, &script);
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
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };

    rig_make_device(rig, &settings, HF_FENCE_KILL);
    pid_t pid = backend_start(rig->path, &script);
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
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };

    rig->fence_command = "test -S \"$HOLDFAST_SOCKET\" && kill -0 \"$HOLDFAST_PID\"";
    rig_make_device(rig, &settings, HF_FENCE_COMMAND);
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
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
    struct hf_front_settings settings = rig_settings();
    struct backend_script script = { 0 };

    rig->fence_command = "exit 3";
    rig_make_device(rig, &settings, HF_FENCE_COMMAND);
    pid_t pid = backend_start(rig->path, &script);
    rig_start(rig);
    kill(pid, SIGSTOP);
    rig_hang_up(rig);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FENCE], "exit 3"));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
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
        WITH_RIG(a_long_wait_names_the_process),
        WITH_RIG(without_a_fence_the_region_of_a_living_process_is_not_written),
    };

    return cmocka_run_group_tests_name("frontend/fence", tests, NULL, NULL);
}
