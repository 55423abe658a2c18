/* SPDX-License-Identifier: BSD-3-Clause */
/* What systemctl status shows, and when the service counts as started (sd_notify(3)). */
#include "service.h"

#include "base/text.h"
#include "os/clock.h"

#include <systemd/sd-daemon.h>

struct counts {
    unsigned phases[HF_RELAY_PHASE_COUNT];
    unsigned lossy;
};

static struct counts count_devices(const struct service *service)
{
    struct counts counts = { .lossy = 0 };
    const struct hf_relay_device *device;
    struct hf_relay_status status;

    for (unsigned i = 0; (device = hf_relay_fleet_at(service->fleet, i)) != NULL; i++) {
        hf_relay_device_status(device, &status);
        counts.phases[status.phase]++;
        counts.lossy += status.phase != HF_RELAY_PHASE_WAITING && !status.tracked;
    }
    return counts;
}

/* "3 devices: 2 running, 1 away; 1 LOSSY" */
static void describe(const struct service *service, struct hf_text *text)
{
    struct counts counts = count_devices(service);
    unsigned count = hf_relay_fleet_count(service->fleet);
    const char *before = ": ";

    hf_text_add(text, "%u device%s", count, count == 1 ? "" : "s");
    for (unsigned i = 0; i < HF_RELAY_PHASE_COUNT; i++) {
        if (counts.phases[i] == 0)
            continue;
        hf_text_add(text, "%s%u %s", before, counts.phases[i], hf_relay_phase_name(i));
        before = ", ";
    }
    if (counts.lossy > 0)
        hf_text_add(text, "; %u LOSSY", counts.lossy);
}

void service_tell_status(const struct service *service)
{
    char words[256];
    struct hf_text text = hf_text_of(words, sizeof(words));

    describe(service, &text);
    sd_notifyf(false, "STATUS=%s", words);
}

void service_tell_ready(const struct service *service)
{
    char words[256];
    struct hf_text text = hf_text_of(words, sizeof(words));

    describe(service, &text);
    sd_notifyf(false, "READY=1\nSTATUS=%s", words);
}

void service_tell_reloading(void)
{
    sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
               (unsigned long long)(hf_clock_ns() / HF_NS_PER_US));
}
