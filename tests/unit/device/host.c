/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "host.h"

#include "os/clock.h"

#include <errno.h>

struct host host;

static void write_line(const char *line)
{
    assert_true(host.count < HOST_LINES_MAX);
    snprintf(host.lines[host.count++], HOST_LINE_SIZE, "%s", line);
}

/* Without values, which the wire's own tests are about; but bases; and no replies. */
static void trace(void *rig, const char *line)
{
    char name[40];
    char short_line[HOST_LINE_SIZE];
    unsigned ring, base;
    const char *rest = strstr(line, " ring=");

    (void)rig;
    if (sscanf(line, "-> %39s", name) != 1)
        return;
    int numbers = rest != NULL ? sscanf(rest, " ring=%u num=%u", &ring, &base) : 0;
    if (numbers == 2 && strcmp(name, "SET_VRING_BASE") == 0)
        snprintf(short_line, sizeof(short_line), "-> %s ring=%u num=%u", name, ring, base);
    else if (numbers > 0)
        snprintf(short_line, sizeof(short_line), "-> %s ring=%u", name, ring);
    else
        snprintf(short_line, sizeof(short_line), "-> %s", name);
    write_line(short_line);
}

static int set_host_notifier(void *rig, uint16_t queue, bool on)
{
    char line[HOST_LINE_SIZE];
    bool fails = on && queue == host.bad_queue;

    (void)rig;
    snprintf(line, sizeof(line), "host %u %s%s", queue, on ? "on" : "off", fails ? ": fails" : "");
    write_line(line);
    if (fails)
        return -host.bad_code;
    host.host_on[queue] += on ? 1 : -1;
    return 0;
}

static int set_guest_notifiers(void *rig, uint16_t queue_count, bool on)
{
    char line[HOST_LINE_SIZE];
    int code = on ? host.guest_code : host.guest_off_code;

    (void)rig;
    snprintf(line, sizeof(line), "guest 0..%u %s%s", queue_count - 1, on ? "on" : "off",
             code != 0 ? ": fails" : "");
    write_line(line);
    if (code == 0 || !on)
        host.guest_on += on ? 1 : -1;
    return -code;
}

int host_begin(void **state)
{
    struct hf_front_settings settings = rig_settings();
    int result = rig_begin(state);
    struct rig *rig = *state;

    host = (struct host){ .bad_queue = -1 };
    rig->ops.trace = trace;
    rig->ops.set_host_notifier = set_host_notifier;
    rig->ops.set_guest_notifiers = set_guest_notifiers;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
    return result;
}

void host_connect(struct rig *rig)
{
    unsigned connected = rig->events[HF_DEVICE_EVENT_CONNECTED];

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, connected + 1);
    assert_int_equal(hf_device_set_features(rig->device, HF_FEATURE(VERSION_1)), 0);
}

void host_set_up(struct rig *rig)
{
    for (uint16_t i = 0; i < RIG_QUEUES; i++)
        rig_set_up_queue(rig, i);
}

void host_start(struct rig *rig)
{
    unsigned started = rig->events[HF_DEVICE_EVENT_STARTED];

    host_connect(rig);
    host_set_up(rig);
    assert_int_equal(hf_device_set_status(rig->device, 15, NULL), 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, started + 1);
    host_forget();
}

void host_settle(struct rig *rig)
{
    do {
        rig_dispatch_for(rig, HF_NS_PER_MS);
    } while (!hf_frontend_is_settled(&rig->device->frontend));
}

void host_forget(void)
{
    host.count = 0;
}

void host_expect(const char *diary)
{
    char all[HOST_LINES_MAX * HOST_LINE_SIZE];
    size_t length = 0;

    all[0] = '\0';
    for (unsigned i = 0; i < host.count; i++)
        length += (size_t)snprintf(all + length, sizeof(all) - length, "%s\n", host.lines[i]);
    assert_string_equal(all, diary);
}

unsigned host_times(const char *beginning)
{
    unsigned times = 0;

    for (unsigned i = 0; i < host.count; i++)
        times += strncmp(host.lines[i], beginning, strlen(beginning)) == 0;
    return times;
}

const char *host_message(unsigned number)
{
    for (unsigned i = 0; i < host.count; i++) {
        if (host.lines[i][0] == '-' && --number == 0)
            return host.lines[i] + strlen("-> ");
    }
    return NULL;
}

void host_expect_off(void)
{
    assert_int_equal(host.guest_on, 0);
    for (unsigned i = 0; i < HOST_QUEUES_MAX; i++)
        assert_int_equal(host.host_on[i], 0);
}
