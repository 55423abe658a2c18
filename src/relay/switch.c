/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moving a running device to another back-end (CONTRACT §6). There is one plan; it belongs to the
 * side that serves, and the other side has a copy with the same generations, so that what the other
 * was told stays told when the plan moves to it.
 *
 *     PREPARE   the next back-end is told all but the rings, while the present one runs
 *     STOP      the rings come to rest; the VMM's requests wait
 *     START     the plan has moved; the one before is kept, stopped, to go on should this fail
 *
 * Before the first KICK a failure costs nothing. From there on it is a crash of the next one: its
 * rings are settled by its own side, then the plan moves back, in-flight region and all.
 */
#include "relay/device_private.h"

#include "base/check.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void finish(struct hf_relay_device *device, int error, const char *why, uint64_t pause_ns)
{
    struct hf_relay_move *move = &device->move;
    hf_relay_switched *done = move->done;

    hf_loop_cancel_timer(&device->loop, &move->deadline);
    hf_loop_cancel_timer(&device->loop, &move->patience);
    move->phase = HF_RELAY_MOVE_NONE;
    move->done = NULL;
    hf_relay_set_switching(&device->core, HF_RELAY_SWITCH_NONE);
    device->look = true;
    if (error == 0) {
        device->status.switches++;
        device->status.last_pause_ns = pause_ns;
        hf_relay_device_log(
            device, HF_LOG_NOTICE, "moved to %s, the rings rested for %llu.%03llu ms",
            hf_frontend_path(device->backend), (unsigned long long)(pause_ns / HF_NS_PER_MS),
            (unsigned long long)(pause_ns / HF_NS_PER_US % 1000));
        if (why[0] != '\0')
            hf_relay_device_log(device, HF_LOG_NOTICE, "%s", why);
    } else {
        hf_relay_device_log(device, HF_LOG_ERROR, "the switch has failed: %s", why);
    }
    if (done != NULL)
        done(move->host, error, why, pause_ns);
}

/* What the plan holds belongs to another side: this one must not close it. */
static void disown(struct hf_relay_side *side)
{
    hf_plan_init(hf_frontend_plan(&side->frontend), HF_BACK_RINGS_MAX);
}

static void drop_other(struct hf_relay_device *device)
{
    struct hf_relay_side *other = device->move.other;

    device->move.other = NULL;
    if (other == NULL)
        return;
    disown(other);
    hf_relay_side_free(other);
}

/* What a copy has no use for, and may be closed any time by who owns it. */
static void forget_own(struct hf_plan *copy)
{
    copy->inflight = (struct hf_inflight_plan){ .fd = -1 };
    copy->channel_generation = 0;
    copy->channel_fd = -1;
}

/* The same plan, at rest: its rings are nothing to the other side, nor is the region, nor the
 * channel of this side's own. */
static void copy_plan(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;
    struct hf_plan *copy = hf_frontend_plan(&move->other->frontend);
    const struct hf_plan *plan = hf_frontend_plan(device->backend);

    if (move->copied == plan->last_generation)
        return;
    *copy = *plan;
    copy->run = copy->settle_owed = false;
    for (unsigned i = 0; i < HF_QUEUE_COUNT_MAX; i++)
        copy->rings[i].ran = 0;
    forget_own(copy);
    move->copied = plan->last_generation;
    hf_frontend_changed(&move->other->frontend);
}

static bool is_told(struct hf_frontend *frontend)
{
    return hf_frontend_is_settled(frontend);
}

/* ---- the steps ------------------------------------------------------------------------------- */

/* The plan, with all that it owns, to the other side. */
static void move_plan(struct hf_relay_device *device, bool clean)
{
    struct hf_relay_move *move = &device->move;
    struct hf_relay_side *from = device->side;
    struct hf_relay_side *to = move->other;
    struct hf_plan *plan = hf_frontend_plan(&to->frontend);

    *plan = *hf_frontend_plan(&from->frontend);
    /* Nothing is in flight: whoever comes next makes a region as it likes it. */
    if (clean) {
        int region = hf_plan_end_epoch(plan);

        hf_fd_close(&region);
    } else {
        hf_front_inherit(&to->frontend.front, &from->frontend.front);
    }
    move->other = from;
    device->side = to;
    device->backend = &to->frontend;
    device->core.front = &to->frontend.front;
    forget_own(hf_frontend_plan(&from->frontend));
    hf_frontend_plan(&from->frontend)->run = false;
    move->copied = plan->last_generation;
    hf_relay_calls_renew(device);
    hf_relay_set_switching(&device->core, HF_RELAY_SWITCH_START);
    hf_frontend_changed(device->backend);
    device->look = true;
}

static bool is_clean(const struct hf_relay_device *device)
{
    const struct hf_front *front = &device->backend->front;
    unsigned in_flight = 0;

    for (unsigned i = 0; i < front->plan.queue_count; i++)
        in_flight += front->plan.rings[i].in_flight;
    return in_flight == 0 && !hf_front_recovers(front);
}

/* 0: no limit, nor that of the step before. */
static void arm(struct hf_relay_device *device, uint64_t limit_ns)
{
    hf_loop_cancel_timer(&device->loop, &device->move.deadline);
    if (limit_ns != 0)
        hf_loop_set_timer(&device->loop, &device->move.deadline, hf_clock_ns() + limit_ns);
}

static bool prepare(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;

    if (move->failed) {
        drop_other(device);
        finish(device, -ECONNREFUSED, move->why, 0);
        return true;
    }
    copy_plan(device);
    if (!is_told(&move->other->frontend) || !hf_relay_settled(&device->core))
        return false;
    move->phase = HF_RELAY_MOVE_STOP;
    move->stopping_ns = hf_clock_ns();
    hf_relay_set_switching(&device->core, HF_RELAY_SWITCH_REST);
    arm(device, device->config.stop_wait_ns);
    device->look = true;
    return true;
}

static bool stop(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;

    if (move->failed) {
        drop_other(device);
        finish(device, -ECONNREFUSED, move->why, 0);
        return true;
    }
    if (!hf_relay_is_at_rest(&device->core))
        return false;
    move->phase = HF_RELAY_MOVE_START;
    move_plan(device, is_clean(device));
    arm(device, device->config.reply_timeout_ns);
    return true;
}

static bool runs(struct hf_relay_device *device)
{
    return is_told(device->backend) && (!hf_frontend_plan(device->backend)->run ||
                                        device->backend->front.phase == HF_PHASE_RUNNING);
}

/* The answer need not wait for what is done to go on. */
static void tell_failure(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;
    hf_relay_switched *done = move->done;

    move->done = NULL;
    if (done != NULL)
        done(move->host, -ECONNABORTED, move->why, 0);
}

/* The next one did not do. Its rings, if they ran, must be at rest before the one before goes on:
 * where it hangs, that is when it is fenced, and until then the VMM is served as while away. */
static bool go_back(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;

    if (device->core.switching != HF_RELAY_SWITCH_BACK) {
        hf_relay_set_switching(&device->core, HF_RELAY_SWITCH_BACK);
        hf_plan_set_run(hf_frontend_plan(device->backend), false);
        hf_loop_cancel_timer(&device->loop, &move->deadline);
        hf_loop_cancel_timer(&device->loop, &move->patience);
        tell_failure(device);
        device->look = true;
        return true;
    }
    if (!hf_relay_is_at_rest(&device->core)) {
        copy_plan(device);
        return false;
    }
    move_plan(device, is_clean(device));
    drop_other(device);
    finish(device, -ECONNABORTED, move->why, 0);
    return true;
}

/* Others may have another disk by now. */
static void tell_alone(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;

    if (!hf_relay_backend_is_configured(device, device->moved_to))
        snprintf(move->why, sizeof(move->why),
                 "%s is none of the configured back-ends: until the relay is started again it is "
                 "the only one to be tried",
                 device->moved_to);
}

static bool start(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;

    if (move->failed)
        return go_back(device);
    if (!runs(device))
        return false;
    snprintf(device->moved_to, sizeof(device->moved_to), "%s", hf_frontend_path(device->backend));
    hf_frontend_dial_all(device->backend);
    drop_other(device);
    tell_alone(device);
    finish(device, 0, move->why, hf_clock_ns() - move->stopping_ns);
    return true;
}

static bool rest(struct hf_relay_device *device)
{
    (void)device;
    return false;
}

static bool (*const steps[HF_RELAY_MOVE_COUNT])(struct hf_relay_device *) = {
    [HF_RELAY_MOVE_NONE] = rest,
    [HF_RELAY_MOVE_PREPARE] = prepare,
    [HF_RELAY_MOVE_STOP] = stop,
    [HF_RELAY_MOVE_START] = start,
};

bool hf_relay_move_pump(struct hf_relay_device *device)
{
    if (device->move.other != NULL)
        hf_frontend_flush(&device->move.other->frontend);
    return steps[device->move.phase](device);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

static void fail(struct hf_relay_device *device, const char *why)
{
    struct hf_relay_move *move = &device->move;

    move->failed = true;
    snprintf(move->why, sizeof(move->why), "%s", why);
    device->look = true;
}

static struct hf_relay_side *next_side(const struct hf_relay_device *device)
{
    return device->move.phase == HF_RELAY_MOVE_START ? device->side : device->move.other;
}

/* Of the next one. The present one may be lost meanwhile: its rings come to rest in its own way. */
void hf_relay_move_report(struct hf_relay_side *side, const struct hf_report *report,
                          const char *text)
{
    struct hf_relay_device *device = side->device;
    bool bad = report->kind == HF_REPORT_LOST || report->kind == HF_REPORT_REFUSED ||
               report->kind == HF_REPORT_FAILED;

    if (bad && side == next_side(device) && device->move.phase != HF_RELAY_MOVE_NONE &&
        !device->move.failed)
        fail(device, text);
}

/* The next one, or the present one's rings. */
static void describe_delay(const struct hf_relay_device *device, char why[HF_RELAY_WHY_SIZE])
{
    const struct hf_frontend *frontend = device->backend;
    int pid = frontend->fencing.owed ? frontend->fencing.pid : frontend->channel.pid;

    if (device->move.phase == HF_RELAY_MOVE_STOP)
        snprintf(why, HF_RELAY_WHY_SIZE,
                 "the rings do not come to rest in time (--stop-wait): process %d, the back-end at "
                 "%s, must stop them or end first; see --fence",
                 pid, hf_frontend_path(frontend));
    else
        snprintf(why, HF_RELAY_WHY_SIZE,
                 "the back-end at %s does not answer in time (--reply-timeout)",
                 hf_frontend_path(&next_side(device)->frontend));
}

static void deadline_passed(struct hf_timer *timer)
{
    struct hf_relay_device *device = HF_CONTAINER(timer, struct hf_relay_device, move.deadline);

    char why[HF_RELAY_WHY_SIZE];

    describe_delay(device, why);
    fail(device, why);
    hf_relay_device_pump(device);
}

static void patience_ended(struct hf_timer *timer)
{
    struct hf_relay_device *device = HF_CONTAINER(timer, struct hf_relay_device, move.patience);

    fail(device, "it takes too long for the VMM, which asks for something");
    hf_relay_device_pump(device);
}

void hf_relay_move_hurry(struct hf_relay_device *device)
{
    struct hf_relay_move *move = &device->move;
    uint64_t limit_ns = device->config.reply_timeout_ns;

    if (limit_ns != 0 && !move->failed)
        hf_loop_set_timer(&device->loop, &move->patience, device->vmm_since_ns + limit_ns / 2);
}

void hf_relay_move_abort(struct hf_relay_device *device, int error, const char *why)
{
    if (device->move.phase == HF_RELAY_MOVE_NONE)
        return;
    drop_other(device);
    finish(device, error, why, 0);
}

int hf_relay_device_switch(struct hf_relay_device *device, const char *path,
                           hf_relay_switched *done, void *host, struct hf_error *error)
{
    struct hf_relay_move *move = &device->move;

    if (move->phase != HF_RELAY_MOVE_NONE)
        return hf_error_set(error, EBUSY, "a switch to %s is under way",
                            hf_frontend_path(&next_side(device)->frontend));
    if (device->backend == NULL || (device->served && device->core.leaving))
        return hf_error_set(error, EAGAIN,
                            "the VMM has gone, and its rings come to rest: try "
                            "again");
    if (device->config.listen_path != NULL && strcmp(device->config.listen_path, path) == 0)
        return hf_error_set(error, EINVAL, "%s is this device's own socket, for its VMM", path);
    *move = (struct hf_relay_move){ .phase = HF_RELAY_MOVE_PREPARE, .done = done, .host = host };
    move->deadline.expired = deadline_passed;
    move->patience.expired = patience_ended;
    move->other = hf_relay_side_new(device, path, error);
    if (move->other == NULL) {
        move->phase = HF_RELAY_MOVE_NONE;
        return -error->code;
    }
    move->copied = UINT64_MAX;
    hf_frontend_want(&move->other->frontend, true);
    arm(device, device->config.reply_timeout_ns);
    device->look = true;
    hf_relay_device_pump(device);
    return 0;
}

/* Ours (13, and 12 more while a switch is under way), and what a VMM passes that has a queue
 * for each of two processors and two pieces of memory: each ring has a kick and a call. One that
 * passes more takes them where there are any; where there are none, its session ends with that
 * error. */
unsigned hf_relay_device_fds(const struct hf_relay_device_config *config)
{
    (void)config;
    return 37;
}
