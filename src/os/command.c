/* SPDX-License-Identifier: BSD-3-Clause */
/* fork, exec, pidfd. Between fork and exec only what is async-signal-safe. */
#include "os/command.h"

#include "os/fd.h"
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

static bool is_named_alike(const char *entry, const char *variable)
{
    size_t length = strcspn(variable, "=");

    return strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

static bool is_replaced(const char *entry, const char *const *variables)
{
    for (; *variables != NULL; variables++) {
        if (is_named_alike(entry, *variables))
            return true;
    }
    return false;
}

static size_t count(const void *strings)
{
    const char *const *each = strings;
    size_t length = 0;

    while (each[length] != NULL)
        length++;
    return length;
}

/* Of two with one name each shell takes another: only one is given. */
static const char **join_environment(const char *const *variables)
{
    size_t at = count(variables);
    const char **joined = calloc(at + count(environ) + 1, sizeof(*joined));

    if (joined == NULL)
        return NULL;
    memcpy(joined, variables, at * sizeof(*joined));
    for (char **entry = environ; *entry != NULL; entry++) {
        if (!is_replaced(*entry, variables))
            joined[at++] = *entry;
    }
    return joined;
}

static _Noreturn void become(const char *line, const char **environment)
{
    const char *const arguments[] = { "sh", "-c", line, NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, STDIN_FILENO);
    execve("/bin/sh", (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    _exit(127);
}

int hf_command_start(const char *line, const char *const *variables, struct hf_error *error)
{
    const char **environment = join_environment(variables);
    int pidfd = -1;

    if (environment == NULL)
        return hf_error_set(error, ENOMEM, "no memory to run '%s'", line);
    pid_t pid = fork();
    int code = errno;
    if (pid == 0)
        become(line, environment);
    free(environment);
    if (pid < 0)
        return hf_error_set(error, code, "cannot run '%s': %s", line, strerror(code));
    enum hf_process_result result = hf_process_open(pid, &pidfd);
    if (result == HF_PROCESS_FOUND)
        return pidfd;
    if (result != HF_PROCESS_GONE) /* or its number is another's by now */
        kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return hf_error_set(error, ENOSYS, "cannot watch '%s': %s", line,
                        hf_process_result_text(result));
}

int hf_command_end(int pidfd)
{
    siginfo_t info = { .si_pid = 0 };

    if (waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
        return -errno;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
