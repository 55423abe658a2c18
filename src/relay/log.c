/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said of a device. How much of it is up to the VMM has a limit: a back-end's deaths have
 * their own, in the pauses between dials. */
#include "relay/device_private.h"

#include "base/text.h"
#include "os/clock.h"
#include "wire/describe.h"

#include <stdarg.h>
#include <stdio.h>

#define BURST 20u /* lines a second */

static void say(struct hf_relay_device *device, enum hf_log_level level, const char *line)
{
    device->ops->log(device->ops->host, device->config.name, level, line);
}

static void say_count(struct hf_relay_device *device, unsigned count)
{
    char line[64];

    if (count == 0)
        return;
    snprintf(line, sizeof(line), "%u line%s about its VMM left out", count, count == 1 ? "" : "s");
    say(device, HF_LOG_WARNING, line);
}

static void second_passed(struct hf_timer *timer)
{
    struct hf_relay_log *log = HF_CONTAINER(timer, struct hf_relay_log, timer);
    struct hf_relay_device *device = HF_CONTAINER(log, struct hf_relay_device, log);
    unsigned count = 0;

    if (hf_log_allowed(&log->limit, hf_clock_ns(), &count))
        say_count(device, count);
}

void hf_relay_log_init(struct hf_relay_device *device)
{
    device->log.limit = (struct hf_log_limit){ .interval_ns = HF_NS_PER_S, .burst = BURST };
    device->log.timer.expired = second_passed;
}

void hf_relay_log_done(struct hf_relay_device *device)
{
    hf_loop_cancel_timer(&device->loop, &device->log.timer);
    say_count(device, device->log.limit.suppressed);
}

void hf_relay_device_log(struct hf_relay_device *device, enum hf_log_level level,
                         const char *format, ...)
{
    char line[HF_ERROR_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    say(device, level, line);
}

void hf_relay_vmm_log(struct hf_relay_device *device, enum hf_log_level level, const char *format,
                      ...)
{
    struct hf_relay_log *log = &device->log;
    char line[HF_ERROR_TEXT_SIZE];
    unsigned count = 0;
    va_list arguments;

    if (!hf_log_enabled(level))
        return;
    if (!hf_log_allowed(&log->limit, hf_clock_ns(), &count)) {
        hf_loop_set_timer(&device->loop, &log->timer, log->limit.since_ns + HF_NS_PER_S);
        return;
    }
    say_count(device, count);
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    say(device, level, line);
}

void hf_relay_device_trace(struct hf_relay_device *device, const char *who, const char *arrow,
                           const struct hf_message *message)
{
    char line[HF_MESSAGE_LINE_SIZE + 16];
    struct hf_text text = hf_text_of(line, sizeof(line));

    if (device->ops->trace == NULL)
        return;
    hf_text_add(&text, "%s %s ", who, arrow);
    hf_message_describe(message, &text);
    device->ops->trace(device->ops->host, device->config.name, line);
}
