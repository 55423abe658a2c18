/* SPDX-License-Identifier: BSD-3-Clause */
/* The device and its front-end against back-ends in processes of their own. No I/O: the drill does
 * that. */
#include "../cmocka_all.h"

#include "backend.h"

#include "base/checked.h"
#include "device/device.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/region.h"
#include "ring/split.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define RING_SIZE   16
#define QUEUE_COUNT 3
/* A sanitizer keeps freed memory to look at it later. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif
#define PATIENCE_NS (20u * HF_NS_PER_S)

struct world {
    char folder[64];
    char path[80];
    int memory_fd;
    struct hf_mapping memory;
    int kick;
    int call;
    struct hf_device *device;
    unsigned reports[HF_REPORT_COUNT];
    struct hf_report last[HF_REPORT_COUNT];
    char text[HF_REPORT_COUNT][200];
};

static void hear(void *host, const struct hf_report *report, const char *text)
{
    struct world *world = host;

    world->reports[report->kind]++;
    world->last[report->kind] = *report;
    snprintf(world->text[report->kind], sizeof(world->text[0]), "%s", text);
}

static void set_up_queue(struct world *world, uint16_t queue)
{
    struct hf_ring_layout layout = hf_ring_layout_of(RING_SIZE);
    uint8_t *start = world->memory.start + queue * hf_align_up(layout.size_bytes, 64);

    struct hf_ring ring;

    assert_int_equal(hf_ring_init(&ring, RING_SIZE, start, start + layout.avail_offset,
                                  start + layout.used_offset),
                     HF_RING_FAULT_NONE);
    assert_int_equal(hf_device_set_queue(world->device, queue, &ring), 0);
    assert_int_equal(hf_device_set_kick(world->device, queue, world->kick), 0);
    assert_int_equal(hf_device_set_call(world->device, queue, world->call), 0);
}

static void make_device(struct world *world)
{
    struct hf_device_config config = hf_device_config_default;
    struct hf_device_ops ops = { .host = world, .report = hear };
    struct hf_error error;

    config.socket_path = world->path;
    config.settings.reply_timeout_ns = 100 * HF_NS_PER_MS;
    config.settings.backoff_last_ns = 5 * HF_NS_PER_MS;
    assert_int_equal(hf_device_new(&world->device, &config, &ops, &error), 0);
    assert_int_equal(
        hf_device_add_memory(world->device,
                             &(struct hf_device_memory){ .guest_address = 0x100000,
                                                         .size_bytes = world->memory.size_bytes,
                                                         .host_address = world->memory.start,
                                                         .fd = world->memory_fd },
                             &error),
        0);
}

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct hf_error error;

    snprintf(world->folder, sizeof(world->folder), "/tmp/holdfast-device-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->path, sizeof(world->path), "%s/socket", world->folder);
    world->memory_fd = hf_region_create("guest", 1 << 16);
    assert_int_equal(hf_mapping_init(&world->memory, world->memory_fd, 0, 1 << 16, &error), 0);
    world->kick = hf_event_create();
    world->call = hf_event_create();
    make_device(world);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    char lock[96];

    hf_device_free(world->device);
    hf_mapping_done(&world->memory);
    hf_fd_close(&world->memory_fd);
    hf_fd_close(&world->kick);
    hf_fd_close(&world->call);
    unlink(world->path);
    snprintf(lock, sizeof(lock), "%s.lock", world->path);
    unlink(lock);
    assert_int_equal(rmdir(world->folder), 0);
    free(world);
    return 0;
}

/* Dispatches until `kind` was reported `count` times in all. */
static void until(struct world *world, enum hf_report_kind kind, unsigned count)
{
    uint64_t deadline_ns = hf_clock_ns() + PATIENCE_NS;
    struct pollfd item = { .fd = hf_device_fd(world->device), .events = POLLIN };

    while (world->reports[kind] < count) {
        assert_true(hf_clock_ns() < deadline_ns);
        poll(&item, 1, 1000);
        hf_device_dispatch(world->device);
    }
}

/* Nobody may listen yet at first; then this must come. */
static void until_fault(struct world *world, enum hf_fault fault)
{
    do {
        until(world, HF_REPORT_LOST, world->reports[HF_REPORT_LOST] + 1);
    } while (world->last[HF_REPORT_LOST].fault == HF_FAULT_REFUSED_DIAL);
    assert_int_equal(world->last[HF_REPORT_LOST].fault, fault);
}

static void start(struct world *world)
{
    hf_device_connect(world->device);
    until(world, HF_REPORT_CONNECTED, 1);
    assert_int_equal(hf_device_set_features(world->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < QUEUE_COUNT; i++)
        set_up_queue(world, i);
    hf_device_set_status(world->device, 15);
    until(world, HF_REPORT_STARTED, 1);
}

static enum hf_phase phase_of(const struct world *world)
{
    struct hf_device_status status;

    hf_device_get_status(world->device, &status);
    return status.phase;
}

static unsigned count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static unsigned count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned count = 0;

    for (int c; (c = fgetc(file)) != EOF;)
        count += c == '\n';
    fclose(file);
    return count;
}

/* statm is off by some pages a CPU (a per-CPU counter), and code is paged in when it first runs:
 * what can leak is anonymous. */
static long anonymous_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long anonymous = -1;

    while (anonymous < 0 && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Anonymous: %ld kB", &anonymous) != 1)
            anonymous = -1;
    }
    fclose(file);
    assert_true(anonymous > 0);
    return anonymous;
}

static void starts_when_the_socket_appears(void **state)
{
    struct world *world = *state;
    struct backend_script script = { 0 };

    hf_device_connect(world->device);
    until(world, HF_REPORT_LOST, 1);
    assert_int_equal(world->last[HF_REPORT_LOST].fault, HF_FAULT_REFUSED_DIAL);
    pid_t pid = backend_start(world->path, &script);
    start(world);
    assert_false(world->last[HF_REPORT_STARTED].recovered);
    backend_end(pid, true);
}

static void a_start_kicks_and_calls_every_ring(void **state)
{
    struct world *world = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(world->path, &script);
    uint64_t value = 0;

    start(world);
    assert_int_equal(read(world->kick, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, QUEUE_COUNT);
    assert_int_equal(read(world->call, &value, sizeof(value)), sizeof(value));
    assert_int_equal(value, QUEUE_COUNT);
    backend_end(pid, true);
}

static void a_stop_says_whether_it_was_clean(void **state)
{
    struct world *world = *state;
    struct backend_script script = { .base = 0 };
    pid_t pid = backend_start(world->path, &script);

    start(world);
    hf_device_set_status(world->device, 3);
    until(world, HF_REPORT_STOPPED, 1);
    assert_true(world->last[HF_REPORT_STOPPED].clean);
    backend_end(pid, true);
}

static void an_answer_beside_the_used_index_is_not_clean(void **state)
{
    struct world *world = *state;
    struct backend_script script = { .base = 7 };
    pid_t pid = backend_start(world->path, &script);

    start(world);
    hf_device_set_status(world->device, 3);
    until(world, HF_REPORT_STOPPED, 1);
    assert_false(world->last[HF_REPORT_STOPPED].clean);
    backend_end(pid, true);
}

static void a_silent_back_end_is_a_fault_and_the_next_one_serves(void **state)
{
    struct world *world = *state;
    struct backend_script silent = { .silent_at = 3 };
    struct backend_script good = { 0 };
    pid_t pid = backend_start(world->path, &silent);

    hf_device_connect(world->device);
    until_fault(world, HF_FAULT_TIMEOUT);
    backend_end(pid, true);
    pid = backend_start(world->path, &good);
    start(world);
    backend_end(pid, true);
}

static void a_back_end_without_a_feature_in_use_is_refused_by_name(void **state)
{
    struct world *world = *state;
    struct backend_script good = { 0 };
    struct backend_script poor = { .lacks = HF_FEATURE(VERSION_1) };
    pid_t pid = backend_start(world->path, &good);

    start(world);
    backend_end(pid, true);
    pid = backend_start(world->path, &poor);
    until(world, HF_REPORT_REFUSED, 1);
    assert_int_equal(world->last[HF_REPORT_REFUSED].fault, HF_FAULT_FEATURES_LOST);
    assert_non_null(strstr(world->text[HF_REPORT_REFUSED], "VERSION_1"));
    backend_end(pid, true);
    pid = backend_start(world->path, &good);
    until(world, HF_REPORT_STARTED, 2);
    assert_true(world->last[HF_REPORT_STARTED].recovered);
    backend_end(pid, true);
}

/* The same process ends the session and takes the next: it need not die first. */
static void a_process_that_hangs_up_and_listens_on_is_its_own_fence(void **state)
{
    struct world *world = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(world->path, &script);

    start(world);
    hf_device_disconnect(world->device);
    hf_device_dispatch(world->device);
    assert_int_equal(phase_of(world), HF_PHASE_DOWN);
    hf_device_connect(world->device);
    until(world, HF_REPORT_STARTED, 2);
    assert_int_equal(world->reports[HF_REPORT_STOPPED], 1);
    backend_end(pid, true);
}

static void a_reset_ends_the_epoch(void **state)
{
    struct world *world = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(world->path, &script);

    start(world);
    hf_device_reset(world->device);
    until(world, HF_REPORT_STOPPED, 1);
    assert_int_equal(phase_of(world), HF_PHASE_READY);
    assert_int_equal(hf_device_set_features(world->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < QUEUE_COUNT; i++)
        set_up_queue(world, i);
    hf_device_set_status(world->device, 15);
    until(world, HF_REPORT_STARTED, 2);
    assert_false(world->last[HF_REPORT_STARTED].recovered);
    backend_end(pid, true);
}

static void bad_input_is_refused_with_a_sentence(void **state)
{
    struct world *world = *state;
    struct hf_device *device;
    struct hf_device_ops ops = { .host = world };
    struct hf_error error;
    struct hf_device_config config = hf_device_config_default;
    static uint64_t elsewhere[64];
    struct hf_ring outside = { .size = 8,
                               .desc = (void *)elsewhere,
                               .avail = (void *)&elsewhere[16],
                               .used = (void *)&elsewhere[32] };

    assert_int_equal(hf_device_new(&device, &config, &ops, &error), -EINVAL);
    assert_non_null(strstr(error.text, "socket"));
    config.socket_path = world->path;
    config.request_queues = 0;
    assert_int_equal(hf_device_new(&device, &config, &ops, &error), -EINVAL);
    assert_non_null(strstr(error.text, "queues: 0"));
    assert_int_equal(hf_device_set_queue(world->device, 3, NULL), -EINVAL);
    assert_int_equal(hf_device_set_queue(world->device, 0, &outside), -EINVAL);
    outside.size = 17;
    assert_int_equal(hf_device_set_queue(world->device, 0, &outside), -EINVAL);
    assert_int_equal(hf_device_set_kick(world->device, 3, world->kick), -EINVAL);
    assert_int_equal(hf_device_set_features(world->device, 1), -EINVAL);
    assert_int_equal(hf_device_remove_memory(world->device, 1, 1), -ENOENT);
}

/* Dies at each message in turn, and serves in between; nothing may be left behind. */
static void a_thousand_reconnects_leave_nothing_behind(void **state)
{
    struct world *world = *state;
    struct backend_script good = { 0 };
    pid_t pid = backend_start(world->path, &good);
    unsigned fds = 0, maps = 0;
    long anonymous = 0;

    start(world);
    for (unsigned i = 1; i <= 1000; i++) {
        struct backend_script next = { .dies_at = i % 3 == 0 ? 0 : 1 + (int)(i % 26) };
        unsigned started = world->reports[HF_REPORT_STARTED];
        unsigned lost = world->reports[HF_REPORT_LOST];

        backend_end(pid, true);
        until(world, HF_REPORT_LOST, lost + 1);
        pid = backend_start(world->path, &next);
        if (next.dies_at != 0) {
            until(world, HF_REPORT_LOST, lost + 2);
            backend_end(pid, false);
            pid = backend_start(world->path, &good);
        }
        until(world, HF_REPORT_STARTED, started + 1);
        if (i == 100) {
            fds = count_fds();
            maps = count_lines("/proc/self/maps");
            anonymous = anonymous_kib();
        }
    }
    assert_int_equal(count_fds(), fds);
    assert_int_equal(count_lines("/proc/self/maps"), maps);
    assert_true(SANITIZED || anonymous_kib() <= anonymous + 16);
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(starts_when_the_socket_appears, begin, end),
        cmocka_unit_test_setup_teardown(a_start_kicks_and_calls_every_ring, begin, end),
        cmocka_unit_test_setup_teardown(a_stop_says_whether_it_was_clean, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_beside_the_used_index_is_not_clean, begin, end),
        cmocka_unit_test_setup_teardown(a_silent_back_end_is_a_fault_and_the_next_one_serves, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_back_end_without_a_feature_in_use_is_refused_by_name,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_process_that_hangs_up_and_listens_on_is_its_own_fence,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_reset_ends_the_epoch, begin, end),
        cmocka_unit_test_setup_teardown(bad_input_is_refused_with_a_sentence, begin, end),
        cmocka_unit_test_setup_teardown(a_thousand_reconnects_leave_nothing_behind, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
