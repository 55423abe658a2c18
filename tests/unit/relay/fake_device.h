/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that does what a test says, behind the face of the real one (relay/device.h). */
#ifndef HF_TESTS_RELAY_FAKE_DEVICE_H
#define HF_TESTS_RELAY_FAKE_DEVICE_H

#include "relay/device.h"

struct fake {
    unsigned fds;          /* that a device needs */
    const char *refuse;    /* the device of this name cannot be made; NULL: none */
    const char *end_early; /* this one ends while it is made */
    unsigned made;
    unsigned alive;
    struct hf_relay_device_config last; /* its name and paths are as long there as the device */
};
extern struct fake fake;

void fake_reset(void);
void fake_set_phase(struct hf_relay_device *device, enum hf_relay_phase phase);
/* As it comes from the loop: by its descriptor. */
void fake_end(struct hf_relay_device *device, const char *why);
void fake_finish_switch(struct hf_relay_device *device, int error, const char *why);
const char *fake_switch_path(const struct hf_relay_device *device);

#endif
