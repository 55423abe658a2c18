/* SPDX-License-Identifier: BSD-3-Clause */
/* ptrace: PTRACE_TRACEME, exec, two SIGUSR1 of the victim as marks, single steps between them. */
#include "stepper.h"

#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORLD_FD         3 /* where the victim looks for it */
#define CANNOT_BE_TRACED 77
#define STEPS_MAX        10000000ul

void stepper_init(struct stepper *stepper, const char *victim)
{
    *stepper = (struct stepper){ .victim = victim };
    stepper->world_fd = memfd_create("world", MFD_CLOEXEC);
    if (stepper->world_fd < 0 || ftruncate(stepper->world_fd, sizeof(struct world)) < 0)
        crash_fail("no world: %s", strerror(errno));
    stepper->world =
        mmap(NULL, sizeof(struct world), PROT_READ | PROT_WRITE, MAP_SHARED, stepper->world_fd, 0);
    if (stepper->world == MAP_FAILED)
        crash_fail("no world: %s", strerror(errno));
}

void stepper_done(struct stepper *stepper)
{
    munmap(stepper->world, sizeof(struct world));
    close(stepper->world_fd);
}

_Noreturn static void become_victim(const struct stepper *stepper, bool traced)
{
    if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(CANNOT_BE_TRACED);
    /* glibc clears memory with `rep stosb`, which is one step a byte: let it not (x86 only). */
    char *environment[] = { "GLIBC_TUNABLES=glibc.cpu.x86_rep_stosb_threshold=1000000", NULL };
    char *arguments[] = { (char *)(uintptr_t)stepper->victim, NULL };
    /* dup2 to the same number would leave close-on-exec set. */
    int fd = dup(stepper->world_fd);
    if (fd == WORLD_FD || dup2(fd, WORLD_FD) == WORLD_FD)
        execve(stepper->victim, arguments, environment);
    _exit(127);
}

static void give_birth(struct stepper *stepper, bool traced)
{
    fflush(NULL);
    stepper->instruction = 0;
    stepper->pid = fork();
    if (stepper->pid < 0)
        crash_fail("no process: %s", strerror(errno));
    if (stepper->pid == 0)
        become_victim(stepper, traced);
}

/* The signal it stopped with; anything else than a stop is the end of the test. */
static int wait_for_stop(struct stepper *stepper)
{
    int status;

    if (waitpid(stepper->pid, &status, 0) != stepper->pid)
        crash_fail("waiting for the victim: %s", strerror(errno));
    if (WIFSTOPPED(status))
        return WSTOPSIG(status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_BE_TRACED) {
        printf("SKIP: ptrace is not allowed here\n");
        fflush(stdout);
        _exit(CANNOT_BE_TRACED);
    }
    crash_fail("the victim ended by itself, status %#x", (unsigned)status);
}

static int resume(struct stepper *stepper, bool one_instruction)
{
    if (ptrace(one_instruction ? PTRACE_SINGLESTEP : PTRACE_CONT, stepper->pid, NULL, NULL) < 0)
        crash_fail("ptrace: %s", strerror(errno));
    return wait_for_stop(stepper);
}

void stepper_start(struct stepper *stepper)
{
    give_birth(stepper, true);
    if (wait_for_stop(stepper) != SIGTRAP)
        crash_fail("the victim does not begin: %s", stepper->victim);
    if (ptrace(PTRACE_SETOPTIONS, stepper->pid, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL) < 0)
        crash_fail("ptrace: %s", strerror(errno));
    int signal = resume(stepper, false);
    if (signal != SIGUSR1)
        crash_fail("the victim stopped before its life: %s", strsignal(signal));
}

bool stepper_step(struct stepper *stepper)
{
    int signal = resume(stepper, true);

    if (signal == SIGUSR1)
        return false;
    if (signal != SIGTRAP)
        crash_fail("the victim got: %s", strsignal(signal));
    if (stepper->instruction++ > STEPS_MAX)
        crash_fail("the victim does not end");
    stepper->total++;
    return true;
}

static void expect_end(struct stepper *stepper, bool killed)
{
    int status;

    if (waitpid(stepper->pid, &status, 0) != stepper->pid)
        crash_fail("waiting for the victim: %s", strerror(errno));
    stepper->pid = 0;
    if (killed && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        crash_fail("the victim was not killed, status %#x", (unsigned)status);
    if (!killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        crash_fail("the victim complained, status %#x", (unsigned)status);
}

void stepper_finish(struct stepper *stepper)
{
    if (ptrace(PTRACE_CONT, stepper->pid, NULL, NULL) < 0)
        crash_fail("ptrace: %s", strerror(errno));
    expect_end(stepper, false);
}

void stepper_kill(struct stepper *stepper)
{
    kill(stepper->pid, SIGKILL);
    expect_end(stepper, true);
}

/* Not traced: its marks would kill it, so they are ignored, which exec leaves as it is. */
void stepper_run(struct stepper *stepper)
{
    signal(SIGUSR1, SIG_IGN);
    give_birth(stepper, false);
    signal(SIGUSR1, SIG_DFL);
    expect_end(stepper, false);
}
