/* SPDX-License-Identifier: BSD-3-Clause */
/* The record of requests in flight over starts, stops and back-ends (R4 to R9). */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <sys/stat.h>
#include <unistd.h>

static ino_t region_of(const struct rig *rig)
{
    struct stat status;

    assert_int_equal(fstat(rig->device->frontend.front.plan.inflight.fd, &status), 0);
    return status.st_ino;
}

static void stop_and_start(struct rig *rig)
{
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    assert_int_equal(hf_device_wait_at_rest(rig->device, 5 * HF_NS_PER_S, NULL), 0);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
}

static void count(unsigned gets, unsigned sets)
{
    assert_int_equal(host_times("-> GET_INFLIGHT_FD"), gets);
    assert_int_equal(host_times("-> SET_INFLIGHT_FD"), sets);
}

/* A back-end that is asked again would drop the region it uses. */
static void a_region_is_asked_for_once_and_handed_over_at_each_start(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_connect(rig);
    host_set_up(rig);
    host_forget();
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    ino_t region = region_of(rig);
    for (unsigned i = 0; i < 3; i++)
        stop_and_start(rig);
    count(1, 4);
    assert_true(region_of(rig) == region);
    backend_end(pid, true);
}

/* Each new one is asked how it would lay a region out, and is handed the one that is in use. */
static void the_region_outlives_the_back_ends(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);

    host_start(rig);
    ino_t region = region_of(rig);
    for (unsigned i = 0; i < 3; i++) {
        backend_end(pid, true);
        pid = backend_start(rig->path, &script);
        rig_until(rig, HF_DEVICE_EVENT_STARTED, i + 2);
        count(i + 1, i + 1);
        assert_true(region_of(rig) == region);
    }
    backend_end(pid, true);
}

/* It must know the features, or it would not know how the rings are laid out. */
static void features_come_before_the_region(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    bool known = false;

    host_start(rig);
    backend_end(pid, true);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    for (unsigned i = 1; strcmp(host_message(i), "GET_INFLIGHT_FD") != 0; i++)
        known |= strcmp(host_message(i), "SET_FEATURES") == 0;
    assert_true(known);
    backend_end(pid, true);
}

static void expect_lossy(struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    assert_false(info.tracks_inflight);
    assert_true(info.lossy);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_STARTED], "lossy"));
    assert_int_equal(rig->device->frontend.front.plan.inflight.fd, -1);
}

static void start_and_start_again(struct rig *rig)
{
    host_connect(rig);
    host_set_up(rig);
    host_forget();
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
    stop_and_start(rig);
}

static void a_region_of_no_size_is_none_and_the_status_is_lossy(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .region = BACKEND_REGION_NONE };
    pid_t pid = backend_start(rig->path, &script);

    start_and_start_again(rig);
    count(1, 0);
    expect_lossy(rig);
    backend_end(pid, true);
}

static void without_the_protocol_feature_no_region_is_asked_for_and_the_status_is_lossy(
    void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) };
    pid_t pid = backend_start(rig->path, &script);

    start_and_start_again(rig);
    count(0, 0);
    expect_lossy(rig);
    backend_end(pid, true);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, host_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOST(a_region_is_asked_for_once_and_handed_over_at_each_start),
        WITH_HOST(the_region_outlives_the_back_ends),
        WITH_HOST(features_come_before_the_region),
        WITH_HOST(a_region_of_no_size_is_none_and_the_status_is_lossy),
        WITH_HOST(without_the_protocol_feature_no_region_is_asked_for_and_the_status_is_lossy),
    };

    return cmocka_run_group_tests_name("device/inflight", tests, NULL, NULL);
}
