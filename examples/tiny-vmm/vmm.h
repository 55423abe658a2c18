/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a VMM does with libholdfast: one device, its descriptors and callbacks, a loop, and the
 * guest's registers. A real one has more threads and devices; the calls are these.
 */
#ifndef TINY_VMM_H
#define TINY_VMM_H

#include "guest.h"
#include "memory.h"

#include <holdfast/device.h>

#include <stdbool.h>
#include <stdint.h>

#define VMM_PATIENCE_MS 20000ull

/* How notifications go. */
enum vmm_style {
    VMM_EVENTFDS, /* as with KVM's ioeventfd and irqfd: past the VMM */
    VMM_TRAPPED,  /* kicks by hf_device_kick, interrupts by the operation */
};

struct vmm {
    const char *name;
    struct hf_device *device;
    struct memory *memory;
    struct guest *guest;
    enum vmm_style style;
    bool runs;
    int kick[GUEST_QUEUES];
    int call[GUEST_QUEUES];
    bool past_us[GUEST_QUEUES]; /* the guest's kicks go straight to the descriptor */
    bool masked[GUEST_QUEUES];
    bool interrupted[GUEST_QUEUES]; /* by the operation, for when the guest runs */
    unsigned events[HF_DEVICE_EVENT_COUNT];
    uint32_t in_flight; /* of the last STOPPED */
    bool crash_seen;    /* a back-end was lost since this was last looked at */
};

/* A device for this guest, which gets this memory; nothing is dialled. */
void vmm_init(struct vmm *vmm, const char *name, const char *socket_path, enum vmm_style style);
void vmm_give_memory(struct vmm *vmm, struct memory *memory);
/* A part of memory in the device's words. */
struct hf_device_memory vmm_part(const struct memory_part *part);
void vmm_give_guest(struct vmm *vmm, struct guest *guest);
void vmm_realize(struct vmm *vmm);
/* Ends what it has of the device. The memory and the guest stay. */
void vmm_done(struct vmm *vmm);

/* The registers, as a driver uses them to begin (virtio 1.3 §3.1.1) and to reset. */
void vmm_boot(struct vmm *vmm);
void vmm_reset(struct vmm *vmm);
/* No guest instruction is run from here on, and the rings are at rest. True if it was clean. */
bool vmm_pause(struct vmm *vmm);
void vmm_resume(struct vmm *vmm);

/* The guest does not want this queue's interrupts, or wants them again (MSI-X). */
void vmm_mask(struct vmm *vmm, uint16_t queue, bool masked);

/* Polls for at most so long, and does what there is to do. */
void vmm_turn(struct vmm *vmm, int timeout_ms);
void vmm_turn_for(struct vmm *vmm, unsigned long long ms);
/* Until the condition holds; a failure if that takes too long. */
void vmm_run(struct vmm *vmm, bool (*condition)(const struct vmm *vmm), const char *what);
/* Until the guest has so many answers; until it has all. */
void vmm_run_to(struct vmm *vmm, uint64_t answered);
void vmm_drain(struct vmm *vmm);
/* Until there was one more event of this kind than `before`. */
void vmm_await(struct vmm *vmm, enum hf_device_event_kind kind, unsigned before);

/* Asks whoever looks on to kill the back-end, and to start it again (lines that begin with DO). */
void vmm_ask_for_death(struct vmm *vmm);
void vmm_ask_for_start(struct vmm *vmm, enum hf_device_event_kind kind);

struct hf_device_info vmm_info(const struct vmm *vmm);
/* Ends the scene if `result` is not what it should be. */
void vmm_expect(int result, int wanted, const char *what, const struct hf_error *error);

#endif
