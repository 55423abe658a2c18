/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fence: end of file on a socket is not death. A killed process may still be on its way out, a
 * stopped or hung one may wake up and write to guest memory. The rings are at rest when the process
 * that ran them is gone, or when the very same process has answered a new handshake: then it runs,
 * and has seen the end of the old session. That it can be connected to says nothing: the kernel
 * does that for a stopped process too.
 */
#include "frontend/effects.h"

#include "base/text.h"
#include "os/clock.h"
#include "os/command.h"
#include "os/fd.h"
#include "os/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A killed process needs milliseconds to die; what takes longer is worth a line, and another one
 * from time to time. */
#define PATIENCE_FIRST_NS HF_NS_PER_S
#define PATIENCE_NEXT_NS  (10 * HF_NS_PER_S)
/* How often it is looked whether a region is free. */
#define SOON_NS        (100 * HF_NS_PER_MS)
#define RETRY_SOON_NS  HF_NS_PER_MS
#define RETRY_LATER_NS (10 * HF_NS_PER_MS)

static const char waits_for_end[] = "the rings wait for the end of the lost back-end, process";
static const char waits_for_region[] =
    "the rings wait for a back-end that still uses the in-flight region, behind process";

static void say(struct hf_frontend *frontend, const char *what, const char *why)
{
    const struct hf_report report = { .kind = HF_REPORT_FENCE };
    char sentence[HF_ERROR_TEXT_SIZE];
    struct hf_text text = hf_text_of(sentence, sizeof(sentence));

    if (frontend->ops->report == NULL)
        return;
    hf_text_add(&text, "%s %d%s%s", what, frontend->fencing.pid, why != NULL ? ": " : "",
                why != NULL ? why : "");
    frontend->ops->report(frontend->ops->host, &report, sentence);
}

static bool is_gone(const struct hf_fencing *fencing)
{
    return fencing->pidfd >= 0 && hf_process_ended(fencing->pidfd);
}

static void come_to_rest(struct hf_frontend *frontend, bool write_back)
{
    hf_frontend_fence_done(frontend);
    hf_frontend_settle(frontend, write_back);
    hf_frontend_post(frontend, (struct hf_event){ .kind = HF_EVENT_SETTLED,
                                                  .settled = frontend->settlement.settled });
}

static bool region_in_use(const struct hf_frontend *frontend)
{
    int lock = hf_frontend_lock_region(frontend);
    bool in_use = lock == -EAGAIN;

    hf_fd_close(&lock);
    return in_use;
}

static void wait_for_region(struct hf_frontend *frontend)
{
    struct hf_fencing *fencing = &frontend->fencing;
    uint64_t now_ns = hf_clock_ns();

    hf_loop_remove(&fencing->watch);
    if (fencing->behind_ns == 0) {
        fencing->behind_ns = now_ns;
        fencing->tell_ns = now_ns + PATIENCE_FIRST_NS;
    }
    if (now_ns >= fencing->tell_ns) {
        fencing->tell_ns = now_ns + PATIENCE_NEXT_NS;
        say(frontend, waits_for_region, "which is gone");
    }
    hf_loop_set_timer(&frontend->loop, &fencing->patience,
                      now_ns +
                          (now_ns - fencing->behind_ns < SOON_NS ? RETRY_SOON_NS : RETRY_LATER_NS));
}

/* Who was our peer may have been only a go-between: then the back-end behind it goes on with the
 * rings and their record until it has noticed. */
static void rest_when_free(struct hf_frontend *frontend)
{
    if (frontend->fence != HF_FENCE_NONE && region_in_use(frontend))
        wait_for_region(frontend);
    else
        come_to_rest(frontend, is_gone(&frontend->fencing));
}

static void peer_gone(struct hf_watch *watch, uint32_t events)
{
    (void)events;
    rest_when_free(HF_CONTAINER(watch, struct hf_frontend, fencing.watch));
}

void hf_frontend_fence_forget(struct hf_frontend *frontend)
{
    struct hf_watch *watch = &frontend->fencing.left_watch;

    if (watch->loop == NULL)
        return;
    hf_loop_remove(watch);
    hf_fd_close(&watch->fd);
}

static void left_ended(struct hf_watch *watch, uint32_t events)
{
    (void)events;
    hf_command_end(watch->fd);
    hf_frontend_fence_forget(HF_CONTAINER(watch, struct hf_frontend, fencing.left_watch));
}

/* It ends by itself, and is reaped then. Of two that outlive their use only the later one. */
static void leave_command(struct hf_frontend *frontend)
{
    struct hf_fencing *fencing = &frontend->fencing;
    int pidfd = hf_fd_steal(&fencing->command_pidfd);

    hf_loop_remove(&fencing->command_watch);
    if (pidfd < 0)
        return;
    hf_frontend_fence_forget(frontend);
    fencing->left_watch.ready = left_ended;
    if (hf_loop_add(&frontend->loop, &fencing->left_watch, pidfd, EPOLLIN) < 0)
        hf_fd_close(&pidfd);
}

void hf_frontend_fence_done(struct hf_frontend *frontend)
{
    hf_loop_cancel_timer(&frontend->loop, &frontend->fencing.patience);
    hf_loop_remove(&frontend->fencing.watch);
    hf_fd_close(&frontend->fencing.pidfd);
    leave_command(frontend);
    frontend->fencing.owed = false;
    frontend->fencing.behind_ns = 0;
}

/* Its end can be seen, and has not been. */
static bool may_live(const struct hf_fencing *fencing)
{
    return fencing->pidfd >= 0 && !is_gone(fencing);
}

static bool must_wait(const struct hf_frontend *frontend)
{
    if (frontend->fence == HF_FENCE_NONE)
        return false;
    /* Where there is nobody to watch only the command can tell, however often it fails. */
    if (frontend->fence == HF_FENCE_COMMAND && frontend->fencing.pidfd < 0)
        return true;
    return may_live(&frontend->fencing) || frontend->fencing.command_pidfd >= 0;
}

void hf_frontend_describe_fence(const struct hf_frontend *frontend, struct hf_text *text)
{
    const struct hf_fencing *fencing = &frontend->fencing;

    if (!fencing->owed)
        return;
    if (must_wait(frontend))
        hf_text_add(text, "%s %d", waits_for_end, fencing->pid);
    else if (fencing->behind_ns != 0)
        hf_text_add(text, "%s %d", waits_for_region, fencing->pid);
}

/* A process that was gone before it answered was only a go-between: who answered is unknown. */
static const char *why_unfenced(const struct hf_frontend *frontend, enum hf_process_result found)
{
    bool needs_process = frontend->fence == HF_FENCE_EXIT || frontend->fence == HF_FENCE_KILL;

    return needs_process && found != HF_PROCESS_FOUND ? hf_process_result_text(found) : NULL;
}

const char *hf_frontend_unfenced(const struct hf_frontend *frontend)
{
    return why_unfenced(frontend, frontend->channel.found);
}

static void command_ended(struct hf_watch *watch, uint32_t events)
{
    struct hf_frontend *frontend = HF_CONTAINER(watch, struct hf_frontend, fencing.command_watch);
    int status = hf_command_end(frontend->fencing.command_pidfd);

    (void)events;
    hf_loop_remove(watch);
    hf_fd_close(&frontend->fencing.command_pidfd);
    if (status == 0) {
        hf_frontend_writer_stopped(frontend);
        come_to_rest(frontend, is_gone(&frontend->fencing));
    } else {
        say(frontend, "the fence command failed; the rings wait for the end of process",
            status == -ECHILD ? "its status was lost: this program ignores SIGCHLD or reaps all"
                              : frontend->fence_command);
    }
}

static void run_command(struct hf_frontend *frontend)
{
    struct hf_fencing *fencing = &frontend->fencing;
    char pid[32], socket[HF_STREAM_PATH_SIZE + 32];
    const char *const variables[] = { pid, socket, NULL };
    struct hf_error error = { 0 };

    snprintf(pid, sizeof(pid), "HOLDFAST_PID=%d", fencing->pid);
    snprintf(socket, sizeof(socket), "HOLDFAST_SOCKET=%s", hf_frontend_path(frontend));
    fencing->command_watch.ready = command_ended;
    fencing->command_pidfd = hf_command_start(frontend->fence_command, variables, &error);
    if (fencing->command_pidfd < 0 ||
        hf_loop_add(&frontend->loop, &fencing->command_watch, fencing->command_pidfd, EPOLLIN) < 0)
        say(frontend, "the fence command cannot be run; the rings wait for the end of process",
            error.text);
}

/* What is done to a back-end that may still live. */
static void act(struct hf_frontend *frontend)
{
    struct hf_fencing *fencing = &frontend->fencing;

    if (frontend->fence == HF_FENCE_COMMAND && !is_gone(fencing))
        run_command(frontend);
    if (frontend->fence != HF_FENCE_KILL || !may_live(fencing))
        return;
    enum hf_process_result result = hf_process_signal(fencing->pidfd, SIGKILL);
    if (result != HF_PROCESS_FOUND && result != HF_PROCESS_GONE)
        say(frontend, "cannot kill the lost back-end, process", hf_process_result_text(result));
}

/* Also where the end of a process could not be watched, or a command failed. */
static void lose_patience(struct hf_timer *timer)
{
    struct hf_frontend *frontend = HF_CONTAINER(timer, struct hf_frontend, fencing.patience);

    if (!must_wait(frontend)) {
        rest_when_free(frontend);
        return;
    }
    hf_loop_set_timer(&frontend->loop, timer, hf_clock_ns() + PATIENCE_NEXT_NS);
    say(frontend, waits_for_end, NULL);
    if (frontend->fence == HF_FENCE_COMMAND && frontend->fencing.command_pidfd < 0)
        run_command(frontend);
}

void hf_frontend_fence(struct hf_frontend *frontend, bool fence)
{
    struct hf_fencing *fencing = &frontend->fencing;

    if (!fence) {
        come_to_rest(frontend, true);
        return;
    }
    hf_frontend_fence_done(frontend);
    fencing->pidfd = hf_fd_steal(&frontend->parting_pidfd);
    fencing->pid = frontend->parting_pid;
    fencing->watch.ready = peer_gone;
    fencing->owed = true;
    fencing->patience.expired = lose_patience;
    act(frontend);
    const char *why = why_unfenced(frontend, frontend->parting_found);
    if (why != NULL)
        say(frontend, "the rings start without a fence against the lost back-end, process", why);
    if (!must_wait(frontend)) {
        rest_when_free(frontend);
        return;
    }
    hf_loop_set_timer(&frontend->loop, &fencing->patience, hf_clock_ns() + PATIENCE_FIRST_NS);
    if (fencing->pidfd >= 0)
        hf_loop_add(&frontend->loop, &fencing->watch, fencing->pidfd, EPOLLIN);
}

/* Numbers can be compared in our own pid namespace only. */
static bool is_the_lost_one(const struct hf_frontend *frontend)
{
    int same = hf_process_same(frontend->fencing.pidfd, frontend->channel.pidfd);

    if (same >= 0)
        return same > 0;
    return frontend->fencing.pid == frontend->channel.pid && frontend->channel.pid != 0;
}

/* It may be finishing the record of the old session, so the region is read and not written. */
void hf_frontend_same_peer(struct hf_frontend *frontend)
{
    if (frontend->fencing.owed && is_the_lost_one(frontend) &&
        !hf_process_ended(frontend->fencing.pidfd))
        come_to_rest(frontend, false);
}
