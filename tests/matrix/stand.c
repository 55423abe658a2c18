/* SPDX-License-Identifier: BSD-3-Clause */
/* How the stand goes on, and what must be true whenever it does. */
#include "stand.h"

#include "os/fd.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A step takes a few turns; a device that spins takes them all. */
#define TURNS_MAX 20000u
#define LIMIT_NS  (600 * MX_S)

static unsigned fds_before;

uint64_t hf_clock_ns(void);

uint64_t mx_now_ns(void)
{
    return hf_clock_ns();
}

/* ---- what is seen ---------------------------------------------------------------------------- */

struct hf_device_info mx_info(const struct mx *mx)
{
    struct hf_device_info info;

    hf_device_get_info(mx->device, &info, sizeof(info));
    return info;
}

char mx_state_of(const struct mx *mx)
{
    static const char names[HF_DEVICE_PHASE_COUNT] = {
        [HF_DEVICE_DOWN] = '-',      [HF_DEVICE_CONNECTING] = 'D', [HF_DEVICE_NEGOTIATING] = 'H',
        [HF_DEVICE_CONNECTED] = 'C', [HF_DEVICE_RUNNING] = 'R',    [HF_DEVICE_STOPPING] = 'R',
        [HF_DEVICE_AWAY] = 'D',      [HF_DEVICE_FAILED] = 'F',
    };
    char name = names[mx_info(mx).phase];

    /* Between KICK and "all rings run" it is connected, and not at rest either. */
    if ((name == 'D' || name == 'H' || name == 'C') && !hf_device_at_rest(mx->device))
        return 'P';
    return name;
}

struct mx_sight mx_look(const struct mx *mx)
{
    struct hf_device_info info = mx_info(mx);
    struct mx_sight sight = { .phase = info.phase,
                              .at_rest = hf_device_at_rest(mx->device),
                              .released = hf_device_memory_released(mx->device),
                              .sessions = info.sessions,
                              .completed = mx->guest.completed,
                              .resets = mx->peers.seen[HF_REQUEST_RESET_DEVICE],
                              .epoch = mx->device->frontend.front.plan.epoch };

    memcpy(sight.told, mx->told, sizeof(sight.told));
    return sight;
}

bool mx_should_run(const struct mx *mx)
{
    return mx->wish.vm_running && (mx->wish.driver_ok || mx->wish.kicked);
}

/* ---- what must always be so ------------------------------------------------------------------ */

static bool has_extra(const struct mx_process *process)
{
    for (unsigned i = 0; i < MX_REGIONS_MAX; i++) {
        const struct mx_peer_region *region = &process->regions[i];

        if (region->there && region->region.guest_address == MX_EXTRA)
            return true;
    }
    return false;
}

static void judge_process(struct mx *mx, const struct mx_process *process)
{
    if (!mx_process_may_write(process))
        return;
    if (hf_device_at_rest(mx->device))
        mx_fail(&mx->verdict, "the device is at rest, and a back-end has its rings");
    if (has_extra(process) && !mx->wish.extra && hf_device_memory_released(mx->device))
        mx_fail(&mx->verdict, "memory is released, and a back-end with rings has it");
    if (!has_extra(process) && mx->wish.extra && hf_device_memory_ready(mx->device))
        mx_fail(&mx->verdict, "memory is ready, and a back-end with rings lacks it");
}

static void judge(struct mx *mx)
{
    for (unsigned i = 0; i < mx->peers.count; i++)
        judge_process(mx, &mx->peers.list[i]);
    if (mx->told[HF_DEVICE_EVENT_FAILED] > 0)
        mx_fail(&mx->verdict, "the device gave up");
}

/* ---- going on -------------------------------------------------------------------------------- */

void mx_later(struct mx *mx, uint64_t delay_ns, void (*act)(struct mx *mx))
{
    if (mx->later_count < MX_LATER_MAX) {
        mx->later[mx->later_count].at_ns = mx_now_ns() + delay_ns;
        mx->later[mx->later_count++].act = act;
    }
}

static bool do_what_is_due(struct mx *mx)
{
    for (unsigned i = 0; i < mx->later_count; i++) {
        void (*act)(struct mx * mx) = mx->later[i].act;

        if (mx->later[i].at_ns > mx_now_ns())
            continue;
        memmove(&mx->later[i], &mx->later[i + 1], (--mx->later_count - i) * sizeof(mx->later[0]));
        act(mx);
        return true;
    }
    return false;
}

static uint64_t next_timer_ns(const struct mx *mx)
{
    return hf_timers_next_ns(&mx->device->frontend.loop.timers);
}

static bool dispatch(struct mx *mx)
{
    struct pollfd item = { .fd = hf_device_fd(mx->device), .events = POLLIN };
    bool due = poll(&item, 1, 0) > 0 || next_timer_ns(mx) <= mx_now_ns();

    if (mx_now_ns() < mx->asleep_until_ns)
        return false;
    for (unsigned i = 0; i < mx->extra_dispatches + due; i++)
        hf_device_dispatch(mx->device);
    return due;
}

static bool go_on(struct mx *mx)
{
    bool any = mx_peers_pump(&mx->peers);

    return mx_guest_harvest(&mx->guest) || any;
}

static bool turn(struct mx *mx)
{
    bool any = dispatch(mx);

    judge(mx);
    any = do_what_is_due(mx) || any;
    any = go_on(mx) || any;
    judge(mx);
    return any && !mx->verdict.red;
}

void mx_rest(struct mx *mx)
{
    for (unsigned i = 0; turn(mx); i++) {
        if (i == TURNS_MAX)
            mx_fail(&mx->verdict, "the device spins");
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The device's next timer, at most `limit_ns` from now. */
static uint64_t until_timer_ns(const struct mx *mx, uint64_t limit_ns)
{
    uint64_t now_ns = mx_now_ns();
    uint64_t next_ns = next_timer_ns(mx);

    if (mx->asleep_until_ns > now_ns)
        next_ns = mx->asleep_until_ns;
    return next_ns <= now_ns ? 0 : earlier(next_ns - now_ns, limit_ns);
}

/* The next thing to come that nobody but time brings. */
static uint64_t next_step_ns(const struct mx *mx, uint64_t limit_ns)
{
    uint64_t now_ns = mx_now_ns();

    limit_ns = until_timer_ns(mx, limit_ns);
    for (unsigned i = 0; i < mx->later_count; i++)
        limit_ns =
            mx->later[i].at_ns <= now_ns ? 0 : earlier(limit_ns, mx->later[i].at_ns - now_ns);
    return limit_ns;
}

void mx_pass(struct mx *mx, uint64_t duration_ns)
{
    mx_rest(mx);
    while (duration_ns > 0 && !mx->verdict.red) {
        uint64_t step_ns = next_step_ns(mx, duration_ns);

        mx_clock_pass(step_ns);
        duration_ns -= step_ns;
        mx_rest(mx);
    }
}

void mx_until(struct mx *mx, bool (*is_so)(const struct mx *mx), const char *what)
{
    uint64_t end_ns = mx_now_ns() + LIMIT_NS;

    mx_rest(mx);
    while (!mx->verdict.red && !is_so(mx)) {
        if (mx_now_ns() >= end_ns) {
            mx_fail(&mx->verdict, "%s: not in ten minutes; the device is %s, in state %c", what,
                    hf_device_phase_name(mx_info(mx).phase), mx_state_of(mx));
            return;
        }
        mx_clock_pass(next_step_ns(mx, end_ns - mx_now_ns()));
        mx_rest(mx);
    }
}

/* In a call of the device that waits: it dispatches by itself, and the host does nothing else. */
static void wait_in_call(void *context, uint64_t limit_ns)
{
    struct mx *mx = context;

    if (!go_on(mx))
        mx_clock_pass(until_timer_ns(mx, limit_ns));
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void hear(void *host, const struct hf_device_event *event)
{
    struct mx *mx = host;

    mx->told[event->kind]++;
    if (event->kind == HF_DEVICE_EVENT_STOPPED)
        mx->stopped_clean = event->clean;
    if (getenv("MATRIX_TRACE") != NULL)
        printf("     event %s\n", event->text);
}

static void trace(void *host, const char *line)
{
    (void)host;
    printf("  %s\n", line);
}

static unsigned count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

void mx_make_device(struct mx *mx)
{
    struct hf_device_ops ops = { .size_bytes = sizeof(ops),
                                 .host = mx,
                                 .event = hear,
                                 .trace = getenv("MATRIX_TRACE") != NULL ? trace : NULL,
                                 .set_guest_notifiers = mx_host_bind };
    struct hf_device_config config;
    struct hf_error error;

    hf_device_config_init(&config, sizeof(config));
    config.socket_path = mx->path;
    config.realize_retries = HF_RETRIES_FOREVER;
    config.backoff_last_ns = 2 * MX_S; /* nobody waits here, and each dial is a system call */
    if (hf_device_new(&mx->device, &config, &ops, &error) < 0)
        abort();
    struct hf_device_memory memory = { .guest_address = MX_MEMORY,
                                       .size_bytes = MX_MEMORY_SIZE,
                                       .host_address = mx->guest.memory.start,
                                       .fd = mx->guest.memory_fd };
    if (hf_device_add_memory(mx->device, &memory, &error) < 0)
        abort();
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        hf_device_set_call(mx->device, i, mx->guest.calls[i]);
}

bool mx_stand_open(struct mx *mx)
{
    const char *tmp = getenv("TMPDIR");

    memset(mx, 0, sizeof(*mx));
    snprintf(mx->folder, sizeof(mx->folder), "%.60s/holdfast-matrix-XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(mx->folder) == NULL)
        return false;
    snprintf(mx->path, sizeof(mx->path), "%.90s/s", mx->folder);
    return true;
}

void mx_stand_close(struct mx *mx)
{
    rmdir(mx->folder);
}

void mx_stand_begin(struct mx *mx, bool own)
{
    char folder[sizeof(mx->folder)], path[sizeof(mx->path)];

    memcpy(folder, mx->folder, sizeof(folder));
    memcpy(path, mx->path, sizeof(path));
    memset(mx, 0, sizeof(*mx));
    memcpy(mx->folder, folder, sizeof(folder));
    memcpy(mx->path, path, sizeof(path));
    fds_before = count_fds();
    mx_guest_init(&mx->guest, &mx->verdict);
    mx->peers.verdict = &mx->verdict;
    mx->peers.guest = &mx->guest;
    mx->peers.path = mx->path;
    mx->peers.own = own;
    mx->peers.judge = mx_fault_judge;
    mx->peers.served = mx_fault_served;
    mx->peers.context = mx;
    mx->wish.vm_running = true;
    mx_make_device(mx);
    mx_clock_set_waiter(wait_in_call, mx);
}

void mx_stand_end(struct mx *mx)
{
    mx_fault_lift(mx);
    mx_clock_set_waiter(NULL, NULL);
    hf_device_free(mx->device);
    mx_peers_done(&mx->peers);
    mx_guest_done(&mx->guest);
    unsigned fds = count_fds();
    if (fds != fds_before)
        mx_fail(&mx->verdict, "%u descriptors at the end, %u at the beginning", fds, fds_before);
}
