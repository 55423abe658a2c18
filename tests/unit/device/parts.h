/* SPDX-License-Identifier: BSD-3-Clause */
/* A device with parts of memory besides the rig's own, for tests of memory. */
#ifndef TESTS_DEVICE_PARTS_H
#define TESTS_DEVICE_PARTS_H

#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"

#define PART 0x10000u

/* Parts besides the rig's own, all in one file. Their guest addresses are 0x200000 and so on. */
static inline struct hf_device_memory part(const struct rig *rig, unsigned number)
{
    return (struct hf_device_memory){ .guest_address = 0x100000u * (1 + number),
                                      .size_bytes = PART,
                                      .host_address = rig->memory.start + number * 0x100000u,
                                      .fd = rig->memory_fd,
                                      .fd_offset = 0 };
}

/* Number 0: the rings lie in it. */
static inline struct hf_device_memory own(const struct rig *rig)
{
    return part(rig, 0);
}

static inline void add(struct rig *rig, unsigned number)
{
    struct hf_device_memory memory = part(rig, number);

    assert_int_equal(hf_device_add_memory(rig->device, &memory, NULL), 0);
}

/* Runs, with one part more, and nothing is under way. */
static inline pid_t start(struct rig *rig, struct backend_script *script)
{
    pid_t pid = story_backend(rig, script);

    add(rig, 1);
    rig_start(rig);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    story_forget();
    return pid;
}

static inline void released(struct rig *rig)
{
    rig_until(rig, HF_DEVICE_EVENT_MEMORY_RELEASED, 1);
    assert_true(hf_device_memory_released(rig->device));
}

#endif
