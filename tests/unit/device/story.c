/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"

#include <poll.h>

#define PATIENCE_NS (20u * HF_NS_PER_S)

struct story story;

static const char *const names[HF_DEVICE_EVENT_COUNT] = {
    [HF_DEVICE_EVENT_CONNECTED] = "CONNECTED",
    [HF_DEVICE_EVENT_REALIZED] = "REALIZED",
    [HF_DEVICE_EVENT_STARTED] = "STARTED",
    [HF_DEVICE_EVENT_STOPPED] = "STOPPED",
    [HF_DEVICE_EVENT_LOST] = "LOST",
    [HF_DEVICE_EVENT_REFUSED] = "REFUSED",
    [HF_DEVICE_EVENT_REQUEST_KILLS] = "REQUEST_KILLS",
    [HF_DEVICE_EVENT_FENCE] = "FENCE",
    [HF_DEVICE_EVENT_FAILED] = "FAILED",
    [HF_DEVICE_EVENT_HOST_FAILED] = "HOST_FAILED",
    [HF_DEVICE_EVENT_NEEDS_RESET] = "NEEDS_RESET",
    [HF_DEVICE_EVENT_MEMORY_READY] = "MEMORY_READY",
    [HF_DEVICE_EVENT_MEMORY_RELEASED] = "MEMORY_RELEASED",
    [HF_DEVICE_EVENT_LOG_SETTLED] = "LOG_SETTLED",
};

static void write_line(const char *what, const char *more)
{
    assert_true(story.count < STORY_LINES_MAX);
    snprintf(story.lines[story.count++], STORY_LINE_SIZE, "%s%s", what, more);
}

static void trace(void *host, const char *line)
{
    (void)host;
    write_line(line, "");
}

static void hear(struct rig *rig, const struct hf_device_event *event)
{
    (void)rig;
    write_line("event ", names[event->kind]);
}

void story_make_device(struct rig *rig)
{
    struct hf_front_settings settings = rig_settings();

    rig->ops.trace = trace;
    rig->meddle = hear;
    rig_make_device(rig, &settings, HF_FENCE_EXIT);
}

int story_begin(void **state)
{
    int result = rig_begin(state);

    story.count = 0;
    story.board = backend_board_new();
    story_make_device(*state);
    return result;
}

int story_end(void **state)
{
    backend_board_free(story.board);
    return rig_end(state);
}

void story_forget(void)
{
    story.count = 0;
}

static bool begins(unsigned line, const char *beginning)
{
    return strncmp(story.lines[line], beginning, strlen(beginning)) == 0;
}

unsigned story_times(const char *beginning)
{
    unsigned times = 0;

    for (unsigned i = 0; i < story.count; i++)
        times += begins(i, beginning);
    return times;
}

static unsigned find(const char *beginning, unsigned from)
{
    unsigned line = from;

    while (line < story.count && !begins(line, beginning))
        line++;
    if (line == story.count) {
        for (unsigned i = 0; i < story.count; i++)
            print_message("%s\n", story.lines[i]);
        fail_msg("no line behind %u begins '%s'", from, beginning);
    }
    return line;
}

unsigned story_find(const char *beginning, unsigned after)
{
    return find(beginning, after + 1);
}

unsigned story_first(const char *beginning)
{
    return find(beginning, 0);
}

void story_until(struct rig *rig, const char *beginning, unsigned times)
{
    uint64_t deadline_ns = hf_clock_ns() + PATIENCE_NS;
    struct pollfd item = { .fd = hf_device_fd(rig->device), .events = POLLIN };

    while (story_times(beginning) < times) {
        assert_true(hf_clock_ns() < deadline_ns);
        poll(&item, 1, 100);
        hf_device_dispatch(rig->device);
    }
}

pid_t story_backend(const struct rig *rig, struct backend_script *script)
{
    static struct backend_script usual;

    usual = script != NULL ? *script : (struct backend_script){ 0 };
    usual.board = story.board;
    return backend_start(rig->path, &usual);
}
