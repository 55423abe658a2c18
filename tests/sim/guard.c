/* SPDX-License-Identifier: BSD-3-Clause */
/* A page that parent and child share, and a parent that waits. */
#include "guard.h"

#include "case.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of one case, on a machine with a lot to do; it takes a thousandth of that. */
#define CASE_LIMIT_S 100

struct page {
    struct sim_case situation;
    volatile unsigned long begun;
    volatile bool is_over;
};
static struct page *page;

void sim_guard_note(const struct sim_case *situation)
{
    if (page == NULL)
        return;
    page->situation = *situation;
    page->begun++;
}

static void print_death(const char *how, int number)
{
    char why[100];

    snprintf(why, sizeof(why), "the test %s %d here", how, number);
    if (page->begun > 0)
        sim_case_print_red(&page->situation, why);
    else
        printf("RED before the first case: %s\n", why);
    fflush(stdout);
}

static int judge(int status)
{
    if (page->is_over && WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        print_death("died of signal", WTERMSIG(status));
    else
        print_death("ended itself with status", WEXITSTATUS(status));
    return 1;
}

static int give_up(pid_t child, const char *how, int number)
{
    print_death(how, number);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 1;
}

/* `signals` are blocked. */
static int attend(pid_t child, const sigset_t *signals)
{
    const struct timespec second = { .tv_sec = 1 };
    unsigned long seen = 0;
    int status, quiet_s = 0;

    for (;;) {
        int number = sigtimedwait(signals, NULL, &second);

        if (number == SIGTERM || number == SIGINT)
            return give_up(child, "was ended by signal", number);
        if (waitpid(child, &status, WNOHANG) == child)
            return judge(status);
        quiet_s = page->begun == seen ? quiet_s + (number < 0) : 0;
        seen = page->begun;
        if (quiet_s >= CASE_LIMIT_S)
            return give_up(child, "hangs, for seconds", quiet_s);
    }
}

int sim_guard_run(int (*work)(void *context), void *context)
{
    sigset_t signals, before;
    int status;

    page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return 2;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, &before);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        return 2;
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        status = work(context);
        fflush(stdout);
        page->is_over = true;
        exit(status);
    }
    status = attend(child, &signals);
    munmap(page, sizeof(*page));
    page = NULL;
    return status;
}
