/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving a running device to another back-end. */
#include "relay/device_private.h"

#include <errno.h>

int hf_relay_device_switch(struct hf_relay_device *device, const char *path,
                           hf_relay_switched *done, void *host, struct hf_error *error)
{
    (void)device;
    (void)done;
    (void)host;
    return hf_error_set(error, ENOSYS, "cannot switch to %s yet", path);
}

unsigned hf_relay_device_fds(const struct hf_relay_device_config *config)
{
    (void)config;
    return 64;
}
