/* SPDX-License-Identifier: BSD-3-Clause */
/* A device with three rings in memory of its own, and all that it tells. */
#ifndef TEST_FRONTEND_RIG_H
#define TEST_FRONTEND_RIG_H

#include "backend.h"

#include "holdfast/device.h"

#include "device/device_private.h"
#include "os/region.h"

#define RIG_QUEUES 3
#define RIG_MEMORY 0x100000 /* guest address */

struct rig {
    char folder[128]; /* in TMPDIR */
    char path[140];
    int memory_fd;
    struct hf_mapping memory;
    int kick;
    int call;
    struct hf_device *device;
    struct hf_device_ops ops; /* what the host can do besides hearing events; for the next device */
    const char *fence_command; /* for HF_FENCE_COMMAND */
    unsigned events[HF_DEVICE_EVENT_COUNT];
    struct hf_device_event last[HF_DEVICE_EVENT_COUNT];
    char text[HF_DEVICE_EVENT_COUNT][2 * HF_ERROR_TEXT_SIZE];
    /* What the host does when it hears an event; may be NULL. */
    void (*meddle)(struct rig *rig, const struct hf_device_event *event);
};

int rig_begin(void **state);
int rig_end(void **state);
/* Short waits. */
struct hf_front_settings rig_settings(void);
/* Puts them into a configuration; and the rig's socket, and no end of tries. */
void rig_configure(const struct rig *rig, const struct hf_front_settings *settings,
                   struct hf_device_config *config);
/* No back-end is wanted any more; the rings stay as they are. */
void rig_hang_up(struct rig *rig);
/* Replaces the device by one that is made with these settings and this fence. */
void rig_make_device(struct rig *rig, const struct hf_front_settings *settings,
                     enum hf_fence fence);
/* By one of this configuration, with the rig's memory. */
void rig_make(struct rig *rig, const struct hf_device_config *config);
/* Dispatches until `kind` was told `count` times in all. */
void rig_until(struct rig *rig, enum hf_device_event_kind kind, unsigned count);
/* Nobody may listen yet at first; then this must come. */
void rig_until_fault(struct rig *rig, enum hf_fault fault);
void rig_set_up_queue(struct rig *rig, uint16_t queue);
/* Gives the device three rings; ask: they are to start; start: they have. */
void rig_ask_to_start(struct rig *rig);
void rig_start(struct rig *rig);
void rig_dispatch_for(struct rig *rig, uint64_t duration_ns);
/* Of this process. */
unsigned rig_count_fds(void);
/* Whoever listens there now, another one may. */
void rig_forget_socket(const struct rig *rig);
/* The same as the internal ones. */
enum hf_phase rig_phase(const struct rig *rig);

#endif
