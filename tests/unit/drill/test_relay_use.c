/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/relay_use.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MORE_BYTES ((size_t)16 << 20)

static void an_open_descriptor_counts(void **state)
{
    struct hf_relay_use before = hf_relay_use_of(getpid());
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct hf_relay_use after = hf_relay_use_of(getpid());

    (void)state;
    assert_true(before.fds > 2);
    assert_int_equal(after.fds, before.fds + 1);
    close(fd);
    assert_int_equal(hf_relay_use_of(getpid()).fds, before.fds);
}

static void memory_that_is_touched_counts(void **state)
{
    uint64_t before = hf_relay_use_of(getpid()).rss_bytes;
    /* By the kernel: what a sanitizer keeps of each access of ours would be counted too. */
    void *more = mmap(NULL, MORE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    (void)state;
    assert_true(more != MAP_FAILED);
    assert_in_range(hf_relay_use_of(getpid()).rss_bytes, before + MORE_BYTES / 2,
                    before + 2 * MORE_BYTES);
    munmap(more, MORE_BYTES);
}

static void work_takes_time_and_sleep_does_not(void **state)
{
    struct timespec pause = { .tv_nsec = 100000000 };
    uint64_t ended;

    (void)state;
    uint64_t before = hf_relay_use_of(getpid()).cpu_ns;
    nanosleep(&pause, NULL);
    uint64_t slept = hf_relay_use_of(getpid()).cpu_ns - before;
    assert_in_range(slept, 0, 50000000);
    /* The kernel counts a running thread's time at its ticks. */
    do {
        ended = hf_relay_use_of(getpid()).cpu_ns;
    } while (clock() < 2 * CLOCKS_PER_SEC && ended - before < 60000000);
    assert_true(ended - before >= 60000000);
}

static void of_one_that_is_gone_nothing_is_known(void **state)
{
    pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    struct hf_relay_use use = hf_relay_use_of(child);
    assert_int_equal(use.fds, 0);
    assert_int_equal(use.rss_bytes, 0);
    assert_int_equal(use.cpu_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_descriptor_counts),
        cmocka_unit_test(memory_that_is_touched_counts),
        cmocka_unit_test(work_takes_time_and_sleep_does_not),
        cmocka_unit_test(of_one_that_is_gone_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
