/* SPDX-License-Identifier: BSD-3-Clause */
/* A process's life: fork, exec, stamp, kill, wait. */
#include "drill/backend.h"

#include "base/checked.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXEC_FAILED    127

#define STAMP_FD_ABOVE 8 /* ours lie above all of the child's */

int hf_backend_kill_at(struct hf_backend *backend, const struct hf_killer_aim *aim,
                       struct hf_error *error)
{
    return hf_killer_start(&backend->killer, backend->pid, aim, error);
}

uint64_t hf_backend_killed(const struct hf_backend *backend)
{
    return hf_killer_killed(&backend->killer);
}

static void close_stamps(struct hf_backend *backend)
{
    for (unsigned i = 0; i < HF_BACKEND_STAMP_COUNT; i++)
        hf_fd_close(&backend->stamp_fds[i]);
}

/* The number is free for others only when nobody kills by it any more. */
static int reap(struct hf_backend *backend)
{
    int status = 0;

    hf_killer_end(&backend->killer);
    waitpid(backend->pid, &status, 0);
    backend->pid = 0;
    hf_fd_close(&backend->pidfd);
    close_stamps(backend);
    return status;
}

static bool wait_for_end(const struct hf_backend *backend, unsigned timeout_ms)
{
    struct pollfd end = { .fd = backend->pidfd, .events = POLLIN };

    if (backend->pidfd < 0)
        return true;
    uint64_t deadline = hf_clock_ns() + timeout_ms * HF_NS_PER_MS;
    while (poll(&end, 1, (int)timeout_ms) < 0 && errno == EINTR && hf_clock_ns() < deadline)
        continue;
    return (end.revents & POLLIN) != 0;
}

int hf_backend_reap(struct hf_backend *backend, unsigned timeout_ms, struct hf_error *error)
{
    if (backend->pid == 0)
        return 0;
    if (!wait_for_end(backend, timeout_ms))
        return hf_error_set(error, ETIMEDOUT, "process %d did not end within %u ms", backend->pid,
                            timeout_ms);
    reap(backend);
    return 0;
}

void hf_backend_stop(struct hf_backend *backend, unsigned timeout_ms)
{
    hf_killer_end(&backend->killer);
    if (backend->pid == 0)
        return;
    kill(-backend->pid, SIGTERM);
    if (hf_backend_reap(backend, timeout_ms, NULL) == 0)
        return;
    hf_killer_kill(backend->pid);
    hf_backend_reap(backend, timeout_ms, NULL);
}

static void describe_end(const char *who, int status, struct hf_error *how)
{
    if (WIFSIGNALED(status))
        hf_error_set(how, ECHILD, "%s was ended by signal %d (%s)", who, WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == EXEC_FAILED)
        hf_error_set(how, ECHILD, "the program of %s could not be run", who);
    else
        hf_error_set(how, ECHILD, "%s ended by itself with status %d", who, WEXITSTATUS(status));
}

/* First whether it is dead, then whose doing that was: the other way round, our own kill in between
 * would look like an end by itself. */
bool hf_backend_ended(struct hf_backend *backend, struct hf_error *how)
{
    siginfo_t end = { 0 };

    if (backend->pid == 0 ||
        waitid(P_PID, (id_t)backend->pid, &end, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        end.si_pid == 0 || hf_killer_is_killing(&backend->killer))
        return false;
    describe_end(backend->who, reap(backend), how);
    return true;
}

/* Only what is legal between fork and exec. */
static _Noreturn void become(struct hf_backend *backend, const int *stamp_fds, pid_t parent)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXEC_FAILED);
    setpgid(0, 0);
    setpriority(PRIO_PROCESS, 0, backend->priority);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(backend->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(EXEC_FAILED);
    for (unsigned i = 0; i < HF_BACKEND_STAMP_COUNT; i++) {
        if (stamp_fds[i] >= 0 && dup2(stamp_fds[i], HF_BACKEND_STAMP_FD + (int)i) < 0)
            _exit(EXEC_FAILED);
    }
    execvp(backend->words[0], backend->words);
    dprintf(2, "%s: %s\n", backend->words[0], strerror(errno));
    _exit(EXEC_FAILED);
}

/* A name that a dead stranger left would look like one that listens. Ours replaces it itself. */
static void remove_stale_socket(const struct hf_backend *backend)
{
    struct stat found;

    if (!backend->stamps[HF_BACKEND_STAMP_LISTENING] && lstat(backend->socket_path, &found) == 0 &&
        S_ISSOCK(found.st_mode))
        unlink(backend->socket_path);
}

/* The child's end must not lie where another is to be put: hence above. */
static int make_stamp(int *ours, int *theirs)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    *ours = ends[0];
    *theirs = fcntl(ends[1], F_DUPFD_CLOEXEC, STAMP_FD_ABOVE);
    int code = errno;
    hf_fd_close(&ends[1]);
    return *theirs < 0 ? -code : 0;
}

static int make_stamps(struct hf_backend *backend, int *theirs, struct hf_error *error)
{
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < HF_BACKEND_STAMP_COUNT; i++) {
        if (backend->stamps[i])
            ret = make_stamp(&backend->stamp_fds[i], &theirs[i]);
    }
    return ret < 0 ? hf_error_set(error, -ret, "unable to make a pipe: %s", strerror(-ret)) : 0;
}

static int start(struct hf_backend *backend, int *theirs, struct hf_error *error)
{
    pid_t parent = getpid();
    int ret = make_stamps(backend, theirs, error);

    if (ret < 0)
        return ret;
    backend->spawned_ns = hf_clock_ns();
    pid_t pid = fork();
    if (pid == 0)
        become(backend, theirs, parent);
    if (pid < 0)
        return hf_error_set(error, errno, "unable to fork: %s", strerror(errno));
    setpgid(pid, pid); /* whoever comes first: a kill right now finds the group */
    backend->pid = pid;
    hf_process_open(pid, &backend->pidfd);
    return 0;
}

int hf_backend_spawn(struct hf_backend *backend, struct hf_error *error)
{
    int theirs[HF_BACKEND_STAMP_COUNT] = { -1, -1 };

    remove_stale_socket(backend);
    backend->killer = (struct hf_killer){ .stop_fd = -1 };
    backend->listening_ns = 0;
    backend->unlocked_ns = 0;
    int ret = start(backend, theirs, error);
    for (unsigned i = 0; i < HF_BACKEND_STAMP_COUNT; i++)
        hf_fd_close(&theirs[i]);
    if (ret < 0)
        close_stamps(backend);
    return ret;
}

/* False: not written, or not yet. */
static bool read_stamp(struct hf_backend *backend, enum hf_backend_stamp which, uint64_t *stamp_ns)
{
    int fd = backend->stamp_fds[which];

    if (fd < 0 || read(fd, stamp_ns, sizeof(*stamp_ns)) != (ssize_t)sizeof(*stamp_ns))
        return false;
    hf_fd_close(&backend->stamp_fds[which]);
    return true;
}

uint64_t hf_backend_look_at_lock(struct hf_backend *backend)
{
    uint64_t busy_ns = 0;

    if (read_stamp(backend, HF_BACKEND_STAMP_LOCK, &busy_ns))
        backend->unlocked_ns = hf_max_u64(backend->listening_ns, busy_ns);
    return backend->unlocked_ns;
}

static void look_at_socket(struct hf_backend *backend)
{
    struct stat found;

    if (stat(backend->socket_path, &found) == 0 && S_ISSOCK(found.st_mode))
        backend->listening_ns = hf_clock_ns();
}

bool hf_backend_look(struct hf_backend *backend)
{
    if (backend->listening_ns != 0 || backend->pid == 0)
        return backend->listening_ns != 0;
    if (backend->stamps[HF_BACKEND_STAMP_LISTENING])
        read_stamp(backend, HF_BACKEND_STAMP_LISTENING, &backend->listening_ns);
    else
        look_at_socket(backend);
    return backend->listening_ns != 0;
}

void hf_backend_done(struct hf_backend *backend)
{
    hf_killer_end(&backend->killer);
    if (backend->pid > 0) {
        hf_killer_kill(backend->pid);
        hf_backend_reap(backend, 5000, NULL);
    }
    for (unsigned i = 0; i < HF_BACKEND_WORDS_MAX; i++) {
        free(backend->words[i]);
        backend->words[i] = NULL;
    }
}
