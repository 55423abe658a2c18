/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device calls, and how notifications pass between guest and device. */
#ifndef TINY_CALLBACKS_H
#define TINY_CALLBACKS_H

#include "vmm.h"

struct hf_device_ops callbacks_of(struct vmm *vmm, enum vmm_style style);
/* The guest wrote a notify register (guest->notify; `host` is the VMM). */
void callbacks_notify(void *host, uint16_t queue);
/* The queue's call descriptor can be read. */
void callbacks_take_call(struct vmm *vmm, uint16_t queue);
/* Interrupts the guest if that is owed and it runs. */
void callbacks_deliver(struct vmm *vmm, uint16_t queue);

#endif
