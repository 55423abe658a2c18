/* SPDX-License-Identifier: BSD-3-Clause */
/* A process's life: fork, exec, stamp, kill, wait. */
#include "drill/backend.h"

#include "base/text.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

#define READY_FD    3 /* in the child */
#define EXEC_FAILED 127

uint64_t hf_backend_kill(struct hf_backend *backend)
{
    uint64_t now = hf_clock_ns();

    if (backend->pid > 0 && kill(-backend->pid, SIGKILL) < 0)
        kill(backend->pid, SIGKILL);
    return now;
}

static struct timespec until(uint64_t at_ns)
{
    uint64_t now = hf_clock_ns();
    uint64_t left = at_ns > now ? at_ns - now : 0;

    return (struct timespec){ .tv_sec = (time_t)(left / HF_NS_PER_S),
                              .tv_nsec = (long)(left % HF_NS_PER_S) };
}

static void *kill_in_time(void *argument)
{
    struct hf_backend *backend = argument;
    struct pollfd stop = { .fd = backend->killer_stop_fd, .events = POLLIN };
    struct timespec left = until(backend->kill_at_ns);

    if (ppoll(&stop, 1, &left, NULL) != 0)
        return NULL;
    /* Said first: nobody may take this death for one that came by itself. The moment is told when
     * it is over: who knew it earlier would stop the load. */
    __atomic_store_n(&backend->killing, true, __ATOMIC_RELEASE);
    __atomic_store_n(&backend->killed_ns, hf_backend_kill(backend), __ATOMIC_RELEASE);
    return NULL;
}

int hf_backend_kill_at(struct hf_backend *backend, uint64_t at_ns, struct hf_error *error)
{
    backend->kill_at_ns = at_ns;
    backend->killed_ns = 0;
    backend->killing = false;
    backend->killer_stop_fd = hf_event_create();
    int code = backend->killer_stop_fd < 0
                   ? -backend->killer_stop_fd
                   : pthread_create(&backend->killer, NULL, kill_in_time, backend);
    if (code != 0) {
        hf_fd_close(&backend->killer_stop_fd);
        return hf_error_set(error, code, "unable to start a thread: %s", strerror(code));
    }
    backend->killer_runs = true;
    return 0;
}

uint64_t hf_backend_killed(const struct hf_backend *backend)
{
    return __atomic_load_n(&backend->killed_ns, __ATOMIC_ACQUIRE);
}

static void end_killer(struct hf_backend *backend)
{
    if (!backend->killer_runs)
        return;
    hf_event_signal(backend->killer_stop_fd);
    pthread_join(backend->killer, NULL);
    hf_fd_close(&backend->killer_stop_fd);
    backend->killer_runs = false;
}

static void forget_process(struct hf_backend *backend)
{
    end_killer(backend);
    backend->pid = 0;
    hf_fd_close(&backend->pidfd);
    hf_fd_close(&backend->ready_fd);
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
    waitpid(backend->pid, NULL, 0);
    forget_process(backend);
    return 0;
}

void hf_backend_stop(struct hf_backend *backend, unsigned timeout_ms)
{
    end_killer(backend);
    if (backend->pid == 0)
        return;
    kill(-backend->pid, SIGTERM);
    if (hf_backend_reap(backend, timeout_ms, NULL) == 0)
        return;
    hf_backend_kill(backend);
    hf_backend_reap(backend, timeout_ms, NULL);
}

static void describe_end(int status, struct hf_error *how)
{
    if (WIFSIGNALED(status))
        hf_error_set(how, ECHILD, "the back-end was ended by signal %d (%s)", WTERMSIG(status),
                     strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) == EXEC_FAILED)
        hf_error_set(how, ECHILD, "the back-end's program could not be run");
    else
        hf_error_set(how, ECHILD, "the back-end ended by itself with status %d",
                     WEXITSTATUS(status));
}

bool hf_backend_ended(struct hf_backend *backend, struct hf_error *how)
{
    int status = 0;

    if (backend->pid == 0 || __atomic_load_n(&backend->killing, __ATOMIC_ACQUIRE) ||
        waitpid(backend->pid, &status, WNOHANG) != backend->pid)
        return false;
    describe_end(status, how);
    forget_process(backend);
    return true;
}

/* Only what is legal between fork and exec. */
static _Noreturn void become(struct hf_backend *backend, int ready_fd, pid_t parent)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXEC_FAILED);
    setpgid(0, 0);
    setpriority(PRIO_PROCESS, 0, backend->priority);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    int log = open(backend->log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(EXEC_FAILED);
    if (ready_fd >= 0 && dup2(ready_fd, READY_FD) < 0)
        _exit(EXEC_FAILED);
    /* dup2 onto itself leaves close-on-exec set. */
    if (ready_fd == READY_FD)
        fcntl(READY_FD, F_SETFD, 0);
    execvp(backend->words[0], backend->words);
    dprintf(2, "%s: %s\n", backend->words[0], strerror(errno));
    _exit(EXEC_FAILED);
}

/* A name that a dead stranger left would look like one that listens. Ours replaces it itself. */
static void remove_stale_socket(const struct hf_backend *backend)
{
    struct stat found;

    if (!backend->stamps && lstat(backend->socket_path, &found) == 0 && S_ISSOCK(found.st_mode))
        unlink(backend->socket_path);
}

int hf_backend_spawn(struct hf_backend *backend, struct hf_error *error)
{
    int ready[2] = { -1, -1 };
    pid_t parent = getpid();

    remove_stale_socket(backend);
    if (backend->stamps && pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0)
        return hf_error_set(error, errno, "unable to make a pipe: %s", strerror(errno));
    backend->killed_ns = 0;
    backend->killing = false;
    backend->listening_ns = 0;
    backend->spawned_ns = hf_clock_ns();
    pid_t pid = fork();
    if (pid == 0)
        become(backend, ready[1], parent);
    int code = errno;
    hf_fd_close(&ready[1]);
    if (pid < 0) {
        hf_fd_close(&ready[0]);
        return hf_error_set(error, code, "unable to fork: %s", strerror(code));
    }
    setpgid(pid, pid); /* whoever comes first: a kill right now finds the group */
    backend->pid = pid;
    backend->ready_fd = ready[0];
    hf_process_open(pid, &backend->pidfd);
    return 0;
}

static void look_at_stamp(struct hf_backend *backend)
{
    uint64_t stamp = 0;

    if (backend->ready_fd < 0 || read(backend->ready_fd, &stamp, sizeof(stamp)) != sizeof(stamp))
        return;
    backend->listening_ns = stamp;
    hf_fd_close(&backend->ready_fd);
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
    if (backend->stamps)
        look_at_stamp(backend);
    else
        look_at_socket(backend);
    return backend->listening_ns != 0;
}

/* ---- the command ---- */

struct placeholder {
    const char *name;
    const char *value; /* NULL: there is none */
    bool used;
};

static struct placeholder *match(struct placeholder *places, const char *at)
{
    for (; places->name != NULL; places++) {
        if (strncmp(at, places->name, strlen(places->name)) == 0)
            return places;
    }
    return NULL;
}

static char *expand(const char *word, struct placeholder *places, struct hf_error *error)
{
    char buffer[2 * PATH_MAX];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    while (*word != 0) {
        struct placeholder *place = match(places, word);
        if (place == NULL) {
            hf_text_add(&text, "%c", *word++);
            continue;
        }
        if (place->value == NULL) {
            hf_error_set(error, EINVAL, "%s in the command, but there is none", place->name);
            return NULL;
        }
        place->used = true;
        hf_text_add(&text, "%s", place->value);
        word += strlen(place->name);
    }
    char *copy = strdup(buffer);
    if (copy == NULL)
        hf_error_set(error, ENOMEM, "no memory");
    return copy;
}

/* "mem:1G", "fault:delay=1ms,null:1T": the words of a fault come first, then its unit. */
static bool unit_is_volatile(const char *word)
{
    if (strncmp(word, "fault:", 6) == 0)
        word += 6;
    for (; word != NULL; word = strchr(word, ',')) {
        word += *word == ',';
        if (strncmp(word, "mem:", 4) == 0 || strncmp(word, "null:", 5) == 0)
            return true;
    }
    return false;
}

static int add_word(struct hf_backend *backend, unsigned *count, const char *word,
                    struct placeholder *places, struct hf_error *error)
{
    if (*count == HF_BACKEND_WORDS_MAX)
        return hf_error_set(error, E2BIG, "the command is longer than %u words",
                            HF_BACKEND_WORDS_MAX);
    if (unit_is_volatile(word))
        return hf_error_set(error, EINVAL,
                            "unit \"%s\" cannot be drilled: what it holds dies with the process, "
                            "so every kill would lose data by nature; take a file or block device",
                            word);
    backend->words[*count] = expand(word, places, error);
    return backend->words[(*count)++] == NULL ? -EINVAL : 0;
}

static bool is_our_target(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash == NULL ? program : slash + 1, "holdfast-target") == 0;
}

int hf_backend_init(struct hf_backend *backend, const struct hf_backend_setup *setup,
                    struct hf_error *error)
{
    struct placeholder places[] = { { "{socket}", setup->socket_path, false },
                                    { "{file}", setup->file_path, false },
                                    { "{ready-fd}", "3", false },
                                    { NULL, NULL, false } };
    unsigned count = 0;
    int ret = 0;

    _Static_assert(READY_FD == 3, "the placeholder's value");
    *backend = (struct hf_backend){
        .socket_path = setup->socket_path, .log_path = setup->log_path, .pidfd = -1, .ready_fd = -1
    };
    for (unsigned i = 0; ret == 0 && setup->command[i] != NULL; i++)
        ret = add_word(backend, &count, setup->command[i], places, error);
    if (ret == 0 && !places[0].used)
        ret = hf_error_set(
            error, EINVAL,
            "the command does not say {socket}, which stands for the path to listen at");
    if (ret == 0 && !places[2].used && is_our_target(backend->words[0]))
        ret = add_word(backend, &count, "--ready-fd={ready-fd}", places, error);
    backend->stamps = places[2].used;
    if (ret < 0)
        hf_backend_done(backend);
    return ret;
}

void hf_backend_done(struct hf_backend *backend)
{
    end_killer(backend);
    if (backend->pid > 0) {
        hf_backend_kill(backend);
        hf_backend_reap(backend, 5000, NULL);
    }
    for (unsigned i = 0; i < HF_BACKEND_WORDS_MAX; i++) {
        free(backend->words[i]);
        backend->words[i] = NULL;
    }
}
