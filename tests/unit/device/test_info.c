/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device says of itself: phases, figures, events, the boot path (R59). */
#include "../cmocka_all.h"

#include "story.h"

#include "holdfast/version.h"

#include "os/clock.h"
#include "ring/inflight.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define RING 2

static struct hf_device_info info_of(const struct rig *rig)
{
    struct hf_device_info info;

    hf_device_get_info(rig->device, &info, sizeof(info));
    return info;
}

static void is_at(const struct rig *rig, enum hf_device_phase phase)
{
    assert_string_equal(hf_device_phase_name(info_of(rig).phase), hf_device_phase_name(phase));
}

/* ---- phases ---------------------------------------------------------------------------------- */

static void phases_have_names(void **state)
{
    static const char *const names[] = { "down",    "connecting", "negotiating", "connected",
                                         "running", "stopping",   "away",        "failed" };

    (void)state;
    assert_int_equal(HF_DEVICE_PHASE_COUNT, 8);
    for (unsigned i = 0; i < HF_DEVICE_PHASE_COUNT; i++)
        assert_string_equal(hf_device_phase_name((enum hf_device_phase)i), names[i]);
    assert_string_equal(hf_device_phase_name(HF_DEVICE_PHASE_COUNT), "unknown");
    assert_string_equal(hf_version(), "0.1.0");
}

static void each_phase_is_seen(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .keeps_base = true };

    is_at(rig, HF_DEVICE_DOWN);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    is_at(rig, HF_DEVICE_AWAY);
    backend_board_hold(story.board, HF_REQUEST_GET_FEATURES);
    pid_t pid = story_backend(rig, &script);
    story_until(rig, "-> GET_FEATURES", 1);
    is_at(rig, HF_DEVICE_NEGOTIATING);
    backend_board_hold(story.board, 0);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    is_at(rig, HF_DEVICE_CONNECTED);
    assert_false(info_of(rig).should_run);
    rig_start(rig);
    is_at(rig, HF_DEVICE_RUNNING);
    assert_true(info_of(rig).should_run);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    story_until(rig, "-> GET_VRING_BASE", 1);
    is_at(rig, HF_DEVICE_STOPPING);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    is_at(rig, HF_DEVICE_AWAY);
    hf_device_unrealize(rig->device, 0, NULL);
    is_at(rig, HF_DEVICE_DOWN);
}

static void fail_soon(struct rig *rig)
{
    struct hf_front_settings settings = rig_settings();

    settings.outage_limit_ns = 20 * HF_NS_PER_MS;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
}

static void who_gave_up_has_failed(void **state)
{
    struct rig *rig = *state;

    fail_soon(rig);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    is_at(rig, HF_DEVICE_FAILED);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].fault, HF_FAULT_OUTAGE);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].error, ETIMEDOUT);
}

/* ---- figures --------------------------------------------------------------------------------- */

static void before_anything_there_is_nothing_to_say(void **state)
{
    struct hf_device_info info = info_of(*state);

    assert_false(info.realized || info.should_run || info.fences || info.tracks_inflight);
    assert_true(info.stopped_clean);
    assert_int_equal(info.peer_pid, 0);
    assert_int_equal(info.offered | info.protocol | info.protocol_offered, 0);
    assert_int_equal(info.sessions + info.losses + info.last_gap_ns + info.outage_ns, 0);
    assert_int_equal(info.last_fault, HF_FAULT_NONE);
}

static void what_the_back_end_said_is_told(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .queues = 5,
                                     .slots = 17,
                                     .lacks_protocol = HF_PROTOCOL_FEATURE(RESET_DEVICE),
                                     .adds_protocol = HF_PROTOCOL_FEATURE(STATUS) };
    pid_t pid = story_backend(rig, &script);

    rig_start(rig);
    struct hf_device_info info = info_of(rig);
    uint64_t used = HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |
                    HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS);
    assert_true(info.realized && info.tracks_inflight && !info.lossy);
    assert_int_equal(info.peer_pid, pid);
    assert_int_equal(info.offered, 0x170000000);
    assert_int_equal(info.protocol, used);
    assert_int_equal(info.protocol_offered, used | HF_PROTOCOL_FEATURE(STATUS));
    assert_int_equal(info.backend_queues, 5);
    assert_int_equal(info.memory_slots, 17);
    assert_int_equal(info.sessions, 1);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    struct hf_device_info later = info_of(rig);
    assert_int_equal(later.offered, info.offered); /* by the last one */
    assert_int_equal(later.memory_slots, 17);
    assert_int_equal(later.peer_pid, 0);
}

/* What a back-end writes when it takes head 0, which the driver has made available. */
static void leave_in_flight(const struct rig *rig)
{
    const struct hf_inflight_plan *region = &rig->device->frontend.front.plan.inflight;
    off_t queue = (off_t)(region->mmap_offset + RING * region->mmap_size / region->queue_count);
    struct hf_inflight_entry entry = { .inflight = 1, .counter = 1 };

    ((uint16_t *)(uintptr_t)rig->device->rings[RING].avail)[1] = 1; /* avail->idx */
    assert_int_equal(pwrite(region->fd, &entry, sizeof(entry), queue + 16), sizeof(entry));
}

static void losses_and_gaps_are_counted(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    leave_in_flight(rig);
    uint64_t lost_ns = hf_clock_ns();
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    struct hf_device_info info = info_of(rig);
    assert_int_equal(info.losses, 1);
    assert_int_equal(info.last_fault, HF_FAULT_HANGUP);
    assert_false(info.stopped_clean);
    assert_int_equal(info.last_in_flight, 1);
    assert_int_equal(info.last_gap_ns, 0); /* it is not over */
    rig_dispatch_for(rig, 20 * HF_NS_PER_MS);
    assert_true(info_of(rig).outage_ns > info.outage_ns);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    info = info_of(rig);
    assert_in_range(info.last_gap_ns, 20 * HF_NS_PER_MS, hf_clock_ns() - lost_ns);
    assert_int_equal(info.last_gap_ns, rig->last[HF_DEVICE_EVENT_STARTED].gap_ns);
    assert_int_equal(info.outage_ns, info.last_gap_ns);
    assert_int_equal(info.sessions, 2);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 2);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 3);
    struct hf_device_info later = info_of(rig);
    assert_int_equal(later.losses, 2);
    assert_int_equal(later.outage_ns, info.outage_ns + later.last_gap_ns);
    backend_end(pid, true);
}

static void a_clean_stop_is_no_loss_and_forgets_none(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    leave_in_flight(rig);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    hf_device_reset(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 2);
    memset(rig->memory.start, 0, rig->memory.size_bytes);
    rig_ask_to_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 3);
    assert_int_equal(hf_device_set_status(rig->device, 3, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 3);
    struct hf_device_info info = info_of(rig);
    assert_true(info.stopped_clean);
    assert_int_equal(info.losses, 1);
    assert_int_equal(info.last_in_flight, 1);
    backend_end(pid, true);
}

static void who_tracks_nothing_is_lossy(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .lacks_protocol = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) };
    pid_t pid = story_backend(rig, &script);

    rig_start(rig);
    assert_true(info_of(rig).lossy);
    assert_false(info_of(rig).tracks_inflight);
    backend_end(pid, true);
}

static void an_older_host_gets_what_it_knows_and_a_newer_one_zeros(void **state)
{
    struct rig *rig = *state;
    struct {
        struct hf_device_info info;
        uint8_t more[24];
    } host;
    static const uint8_t zeros[sizeof(host.more)];
    const size_t older = offsetof(struct hf_device_info, sessions);
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    struct hf_device_info info = info_of(rig);
    memset(&host, 0xa5, sizeof(host));
    hf_device_get_info(rig->device, &host.info, older);
    assert_int_equal(host.info.phase, HF_DEVICE_RUNNING);
    assert_int_equal(host.info.memory_slots, info.memory_slots);
    assert_int_equal(host.info.sessions, 0xa5a5a5a5a5a5a5a5);
    hf_device_get_info(rig->device, &host.info, sizeof(host));
    assert_int_equal(host.info.sessions, 1);
    assert_int_equal(host.info.last_fault, info.last_fault);
    assert_memory_equal(host.more, zeros, sizeof(zeros));
    memset(&host, 0xa5, sizeof(host));
    hf_device_get_info(rig->device, &host.info, 0);
    assert_int_equal(*(uint8_t *)&host, 0xa5);
    backend_end(pid, true);
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_told(const struct rig *rig, enum hf_device_event_kind kind)
{
    return rig->events[kind] > 0 && strlen(rig->text[kind]) > 10;
}

static void end_and_start(struct rig *rig, pid_t *pid, unsigned stopped)
{
    backend_end(*pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, stopped);
    *pid = story_backend(rig, NULL);
}

static void a_request_that_kills_back_ends_is_named(void **state)
{
    struct rig *rig = *state;
    pid_t pid = story_backend(rig, NULL);

    rig_start(rig);
    leave_in_flight(rig);
    for (unsigned i = 1; i < 3; i++) {
        end_and_start(rig, &pid, i);
        rig_until(rig, HF_DEVICE_EVENT_STARTED, 1 + i);
    }
    assert_int_equal(rig->events[HF_DEVICE_EVENT_REQUEST_KILLS], 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_REQUEST_KILLS, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REQUEST_KILLS].queue, RING);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_REQUEST_KILLS].head, 0);
    assert_string_equal(rig->text[HF_DEVICE_EVENT_REQUEST_KILLS],
                        "a request kills the back-end: ring 2, head 0; redialling slowly");
}

static int fail_to_end(void *host, uint16_t queue, bool on)
{
    (void)host;
    (void)queue;
    return on ? 0 : -EREMOTEIO;
}

/* With a log, and a part of memory more. */
static pid_t start_with_all(struct rig *rig, const struct hf_device_memory *more)
{
    struct backend_script script = { .adds = HF_FEATURE(LOG_ALL),
                                     .adds_protocol = HF_PROTOCOL_FEATURE(LOG_SHMFD) };
    pid_t pid = story_backend(rig, &script);

    rig_start(rig);
    assert_int_equal(hf_device_add_memory(rig->device, more, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_MEMORY_READY, 1);
    assert_int_equal(hf_device_set_log(rig->device, rig->memory_fd, 0, 4096, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_LOG_SETTLED, 1);
    return pid;
}

static void what_happens_in_a_life_is_told_in_sentences(void **state)
{
    struct rig *rig = *state;
    struct backend_script poor = { .lacks = HF_FEATURE(VERSION_1) };
    struct hf_device_memory more = { .guest_address = 0x900000,
                                     .size_bytes = 4096,
                                     .host_address = rig->memory.start,
                                     .fd = rig->memory_fd };
    uint8_t sense_size = 1;

    rig->ops.set_host_notifier = fail_to_end;
    story_make_device(rig);
    pid_t hung = start_with_all(rig, &more);
    kill(hung, SIGSTOP);
    hf_device_force_stop(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_FENCE, 1);
    backend_end(hung, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(hf_device_remove_memory(rig->device, 0x900000, 4096, NULL), 0);
    pid_t pid = story_backend(rig, &poor);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    hf_device_write_config(rig->device, 20, &sense_size, 1);
    rig_until(rig, HF_DEVICE_EVENT_NEEDS_RESET, 1);
    hf_device_reset(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_HOST_FAILED, 1);
    for (unsigned kind = 0; kind < HF_DEVICE_EVENT_COUNT; kind++) {
        bool elsewhere = kind == HF_DEVICE_EVENT_REQUEST_KILLS || kind == HF_DEVICE_EVENT_FAILED;

        if (!elsewhere && !is_told(rig, (enum hf_device_event_kind)kind))
            fail_msg("event %u: %s", kind, rig->text[kind]);
    }
    assert_int_equal(rig->last[HF_DEVICE_EVENT_HOST_FAILED].error, EREMOTEIO);
    assert_string_equal(rig->text[HF_DEVICE_EVENT_HOST_FAILED],
                        "vhost guest notifier cleanup failed: Remote I/O error");
    backend_end(pid, true);
}

static void losses_and_refusals_say_whether_another_try_follows(void **state)
{
    struct rig *rig = *state;
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.realize_retries = 1;
    rig_make(rig, &config);
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 1);
    assert_true(rig->last[HF_DEVICE_EVENT_LOST].will_retry);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].error, ECONNREFUSED);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], 2);
    assert_false(rig->last[HF_DEVICE_EVENT_LOST].will_retry);
    assert_true(is_told(rig, HF_DEVICE_EVENT_FAILED));
}

/* ---- the boot path --------------------------------------------------------------------------- */

static void make_bootable(struct rig *rig, uint32_t boot_tpgt)
{
    struct hf_front_settings settings = rig_settings();
    struct hf_device_config config;

    rig_configure(rig, &settings, &config);
    config.boot_tpgt = boot_tpgt;
    rig_make(rig, &config);
}

static void expect_path(struct rig *rig, uint32_t target, const char *node, const char *expected)
{
    char path[64];

    make_bootable(rig, target);
    assert_int_equal(hf_device_boot_path(rig->device, node, path, sizeof(path)), strlen(expected));
    assert_string_equal(path, expected);
}

static void the_boot_path_names_channel_target_and_lun_in_hexadecimal(void **state)
{
    expect_path(*state, 0, "disk", "/channel@0/disk@0,0");
    expect_path(*state, 1, "disk", "/channel@0/disk@1,0");
    expect_path(*state, 10, "disk", "/channel@0/disk@a,0");
    expect_path(*state, 16, "scsi-disk", "/channel@0/scsi-disk@10,0");
    expect_path(*state, 255, "disk", "/channel@0/disk@ff,0");
}

static void a_boot_path_that_does_not_fit_is_cut_and_its_length_is_told(void **state)
{
    static const char whole[] = "/channel@0/disk@2a,0";
    struct rig *rig = *state;
    char path[32];

    make_bootable(rig, 42);
    assert_int_equal(hf_device_boot_path(rig->device, "disk", NULL, 0), strlen(whole));
    for (size_t room = 1; room <= sizeof(whole); room++) {
        memset(path, 'x', sizeof(path));
        assert_int_equal(hf_device_boot_path(rig->device, "disk", path, room), strlen(whole));
        assert_memory_equal(path, whole, room - 1);
        assert_int_equal(path[room - 1], '\0');
        assert_int_equal(path[room], 'x');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(phases_have_names),
        STORY(each_phase_is_seen),
        STORY(who_gave_up_has_failed),
        STORY(before_anything_there_is_nothing_to_say),
        STORY(what_the_back_end_said_is_told),
        STORY(losses_and_gaps_are_counted),
        STORY(a_clean_stop_is_no_loss_and_forgets_none),
        STORY(who_tracks_nothing_is_lossy),
        STORY(an_older_host_gets_what_it_knows_and_a_newer_one_zeros),
        STORY(a_request_that_kills_back_ends_is_named),
        STORY(what_happens_in_a_life_is_told_in_sentences),
        STORY(losses_and_refusals_say_whether_another_try_follows),
        STORY(the_boot_path_names_channel_target_and_lun_in_hexadecimal),
        STORY(a_boot_path_that_does_not_fit_is_cut_and_its_length_is_told),
    };

    return cmocka_run_group_tests_name("device/info", tests, NULL, NULL);
}
