/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"
#include "../temporary.h"

#include "rig.h"

#include "base/checked.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "ring/split.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define RING_SIZE   16
#define PATIENCE_NS (20u * HF_NS_PER_S)

static void hear(void *host, const struct hf_device_event *event)
{
    struct rig *rig = host;

    assert_string_not_equal(event->text, "");
    assert_string_not_equal(event->text, "");
    rig->events[event->kind]++;
    rig->last[event->kind] = *event;
    snprintf(rig->text[event->kind], sizeof(rig->text[0]), "%s", event->text);
    if (rig->meddle != NULL)
        rig->meddle(rig, event);
}

void rig_set_up_queue(struct rig *rig, uint16_t queue)
{
    struct hf_ring_layout layout = hf_ring_layout_of(RING_SIZE);
    uint64_t start = RIG_MEMORY + queue * hf_align_up(layout.size_bytes, 64);
    struct hf_device_queue setup = { .size = RING_SIZE,
                                     .desc = start,
                                     .avail = start + layout.avail_offset,
                                     .used = start + layout.used_offset };

    assert_int_equal(hf_device_set_queue(rig->device, queue, &setup), 0);
    assert_int_equal(hf_device_set_kick(rig->device, queue, rig->kick), 0);
    assert_int_equal(hf_device_set_call(rig->device, queue, rig->call), 0);
}

void rig_configure(const struct rig *rig, const struct hf_front_settings *settings,
                   struct hf_device_config *config)
{
    hf_device_config_init(config, sizeof(*config));
    config->socket_path = rig->path;
    config->realize_retries = HF_RETRIES_FOREVER;
    config->dial_timeout_ns = settings->dial_timeout_ns;
    config->reply_timeout_ns = settings->reply_timeout_ns;
    config->stop_timeout_ns = settings->stop_timeout_ns;
    config->backoff_first_ns = settings->backoff_first_ns;
    config->backoff_last_ns = settings->backoff_last_ns;
    config->backoff_slow_ns = settings->backoff_slow_ns;
    config->backoff_reset_ns = settings->backoff_reset_ns;
    config->outage_limit_ns = settings->outage_limit_ns;
}

void rig_hang_up(struct rig *rig)
{
    hf_frontend_want(&rig->device->frontend, false);
}

void rig_make(struct rig *rig, const struct hf_device_config *config)
{
    struct hf_error error;

    rig->ops.size_bytes = sizeof(rig->ops);
    rig->ops.host = rig;
    rig->ops.event = hear;
    hf_device_free(rig->device);
    assert_int_equal(hf_device_new(&rig->device, config, &rig->ops, &error), 0);
    assert_int_equal(
        hf_device_add_memory(rig->device,
                             &(struct hf_device_memory){ .guest_address = RIG_MEMORY,
                                                         .size_bytes = rig->memory.size_bytes,
                                                         .host_address = rig->memory.start,
                                                         .fd = rig->memory_fd },
                             &error),
        0);
}

void rig_make_device(struct rig *rig, const struct hf_front_settings *settings, enum hf_fence fence)
{
    struct hf_device_config config;

    rig_configure(rig, settings, &config);
    config.fence = fence;
    config.fence_command = rig->fence_command;
    rig_make(rig, &config);
}

struct hf_front_settings rig_settings(void)
{
    struct hf_front_settings settings = hf_front_settings_default;

    settings.reply_timeout_ns = 500 * HF_NS_PER_MS;
    settings.backoff_last_ns = 5 * HF_NS_PER_MS;
    return settings;
}

int rig_begin(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct hf_front_settings settings = rig_settings();
    struct hf_error error;

    make_temporary_folder(rig->folder, sizeof(rig->folder));
    snprintf(rig->path, sizeof(rig->path), "%s/socket", rig->folder);
    rig->memory_fd = hf_region_create("guest", 1 << 16);
    assert_int_equal(hf_mapping_init(&rig->memory, rig->memory_fd, 0, 1 << 16, &error), 0);
    rig->kick = hf_event_create();
    rig->call = hf_event_create();
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    *state = rig;
    return 0;
}

void rig_forget_socket(const struct rig *rig)
{
    char lock[160];

    snprintf(lock, sizeof(lock), "%s.lock", rig->path);
    unlink(lock);
    unlink(rig->path);
}

int rig_end(void **state)
{
    struct rig *rig = *state;

    hf_device_free(rig->device);
    hf_mapping_done(&rig->memory);
    hf_fd_close(&rig->memory_fd);
    hf_fd_close(&rig->kick);
    hf_fd_close(&rig->call);
    rig_forget_socket(rig);
    assert_int_equal(rmdir(rig->folder), 0);
    free(rig);
    return 0;
}

/* Dispatches until `kind` was reported `count` times in all. */
void rig_until(struct rig *rig, enum hf_device_event_kind kind, unsigned count)
{
    uint64_t deadline_ns = hf_clock_ns() + PATIENCE_NS;
    struct pollfd item = { .fd = hf_device_fd(rig->device), .events = POLLIN };

    while (rig->events[kind] < count) {
        assert_true(hf_clock_ns() < deadline_ns);
        poll(&item, 1, 1000);
        hf_device_dispatch(rig->device);
    }
}

/* Nobody may listen yet at first; then this must come. */
void rig_until_fault(struct rig *rig, enum hf_fault fault)
{
    do {
        rig_until(rig, HF_DEVICE_EVENT_LOST, rig->events[HF_DEVICE_EVENT_LOST] + 1);
    } while (rig->last[HF_DEVICE_EVENT_LOST].fault == HF_FAULT_REFUSED_DIAL);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_LOST].fault, fault);
}

void rig_ask_to_start(struct rig *rig)
{
    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 1);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
    hf_device_set_status(rig->device, 15, NULL);
}

void rig_start(struct rig *rig)
{
    rig_ask_to_start(rig);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 1);
}

enum hf_phase rig_phase(const struct rig *rig)
{
    return rig->device->frontend.front.phase;
}

void rig_dispatch_for(struct rig *rig, uint64_t duration_ns)
{
    uint64_t end_ns = hf_clock_ns() + duration_ns;
    struct pollfd item = { .fd = hf_device_fd(rig->device), .events = POLLIN };

    do {
        poll(&item, 1, 10);
        hf_device_dispatch(rig->device);
    } while (hf_clock_ns() < end_ns);
}

unsigned rig_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}
