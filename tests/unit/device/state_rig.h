/* SPDX-License-Identifier: BSD-3-Clause */
/* States of devices, for tests of save and load. */
#ifndef TESTS_DEVICE_STATE_RIG_H
#define TESTS_DEVICE_STATE_RIG_H

#include "story.h"

#define STATE_RING       2
#define STATE_USED_INDEX 7
#define STATE_SIZE_MAX   2048
#define STATE_LEGACY     HF_FEATURE(INDIRECT_DESC)
#define STATE_MODERN     (HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(VERSION_1))

/* Rings 0 and 2, of 4 entries, which have come to index 7. */
void state_set_up_queues(struct rig *rig);
/* A running device, its driver of this kind (a legacy one has kicked); then it stops clean, or its
 * back-end dies with one request in flight. The VM is paused. */
void state_stop_clean(struct rig *rig, uint64_t features);
void state_crash(struct rig *rig, uint64_t features);
/* Saves; returns how much. */
size_t state_save(const struct rig *rig, uint8_t *bytes);
/* A new device, with the memory of the first; the VM does not run. */
void state_make_receiver(struct rig *rig);
void state_load(struct rig *rig, const uint8_t *bytes, size_t size_bytes);
/* Refused with this, and the device is as it was. */
void state_expect_refused(struct rig *rig, const uint8_t *bytes, size_t size_bytes, int code);

#endif
