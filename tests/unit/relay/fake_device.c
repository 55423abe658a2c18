/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_device.h"

#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hf_relay_device {
    char name[HF_RELAY_NAME_SIZE];
    const struct hf_relay_device_ops *ops;
    enum hf_relay_phase phase;
    int listen_fd, vmm_fd;
    int bell;
    char end_why[64];
    hf_relay_switched *switched;
    void *switched_host;
    char switch_path[108];
};

struct fake fake;

const struct hf_relay_device_config hf_relay_device_config_default = {
    .listen_fd = -1,
    .vmm_fd = -1,
    .socket_mode = 0600,
    .reply_timeout_ns = 10,
    .stop_wait_ns = 11,
};

void fake_reset(void)
{
    fake = (struct fake){ .fds = 10 };
}

struct hf_relay_device *hf_relay_device_new(const struct hf_relay_device_config *config,
                                            const struct hf_relay_device_ops *ops, int *result,
                                            struct hf_error *error)
{
    struct hf_relay_device *device;

    fake.last = *config;
    if (fake.refuse && strcmp(fake.refuse, config->name) == 0) {
        int fds[] = { config->listen_fd, config->vmm_fd };
        hf_fd_close_all(fds, 2);
        *result = hf_error_set(error, EADDRINUSE, "%s is taken", config->listen_path);
        return NULL;
    }
    device = calloc(1, sizeof(*device));
    snprintf(device->name, sizeof(device->name), "%s", config->name);
    device->ops = ops;
    device->listen_fd = config->listen_fd;
    device->vmm_fd = config->vmm_fd;
    device->bell = hf_event_create();
    device->phase = HF_RELAY_PHASE_LISTENING;
    fake.made++;
    fake.alive++;
    if (fake.end_early && strcmp(fake.end_early, config->name) == 0)
        ops->ended(ops->host, config->name, "ended early");
    return device;
}

void hf_relay_device_free(struct hf_relay_device *device)
{
    if (!device)
        return;
    if (device->switched)
        device->switched(device->switched_host, -ECANCELED, "the device is gone", 0);
    hf_fd_close(&device->listen_fd);
    hf_fd_close(&device->vmm_fd);
    hf_fd_close(&device->bell);
    free(device);
    fake.alive--;
}

int hf_relay_device_fd(const struct hf_relay_device *device)
{
    return device->bell;
}

void hf_relay_device_dispatch(struct hf_relay_device *device)
{
    hf_event_drain(device->bell);
    device->ops->ended(device->ops->host, device->name, device->end_why);
}

const char *hf_relay_device_name(const struct hf_relay_device *device)
{
    return device->name;
}

const char *hf_relay_phase_name(enum hf_relay_phase phase)
{
    return phase == HF_RELAY_PHASE_WAITING ? "waiting" : "another";
}

void hf_relay_device_status(const struct hf_relay_device *device, struct hf_relay_status *status)
{
    *status = (struct hf_relay_status){ .type = "scsi",
                                        .phase = device->phase,
                                        .since_s = 1000,
                                        .vmm_pid = 7,
                                        .queues = 3,
                                        .crashes = 2,
                                        .last_gap_ns = 1500000,
                                        .outage_ns = UINT64_MAX,
                                        .tracked = true };
    snprintf(status->name, sizeof(status->name), "%s", device->name);
    snprintf(status->backend, sizeof(status->backend), "/b");
}

int hf_relay_device_switch(struct hf_relay_device *device, const char *path,
                           hf_relay_switched *done, void *host, struct hf_error *error)
{
    if (device->switched)
        return hf_error_set(error, EBUSY, "it moves already");
    device->switched = done;
    device->switched_host = host;
    snprintf(device->switch_path, sizeof(device->switch_path), "%s", path);
    return 0;
}

unsigned hf_relay_device_fds(const struct hf_relay_device_config *config)
{
    (void)config;
    return fake.fds;
}

void fake_set_phase(struct hf_relay_device *device, enum hf_relay_phase phase)
{
    device->phase = phase;
}

void fake_end(struct hf_relay_device *device, const char *why)
{
    snprintf(device->end_why, sizeof(device->end_why), "%s", why);
    hf_event_signal(device->bell);
}

void fake_finish_switch(struct hf_relay_device *device, int error, const char *why)
{
    hf_relay_switched *switched = device->switched;

    device->switched = NULL;
    switched(device->switched_host, error, why, 2500000);
}

const char *fake_switch_path(const struct hf_relay_device *device)
{
    return device->switch_path;
}
