/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "host.h"

#include <errno.h>

struct host host;

static void write_line(const char *line)
{
    assert_true(host.count < HOST_LINES_MAX);
    snprintf(host.lines[host.count++], HOST_LINE_SIZE, "%s", line);
}

/* "-> SET_VRING_NUM ring=0": neither values, which the wire's own tests are about, nor replies. */
static void trace(void *rig, const char *line)
{
    char name[40];
    char short_line[HOST_LINE_SIZE];
    const char *ring = strstr(line, " ring=");

    (void)rig;
    if (sscanf(line, "-> %39s", name) != 1)
        return;
    snprintf(short_line, sizeof(short_line), "-> %s%.*s", name,
             ring != NULL ? (int)(6 + strspn(ring + 6, "0123456789")) : 0,
             ring != NULL ? ring : "");
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
