/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/worker.c: threads that sleep when nothing happens, and wake when something does. */
#include "rig.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long switches_of(const char *task)
{
    char path[300];
    char line[128];
    unsigned long count = 0;
    bool is_worker = false; /* a sanitizer has threads of its own */
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%s/status", task);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        is_worker |= strncmp(line, "Name:\tworker ", 13) == 0;
        if (is_worker && strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
            count = strtoul(line + 24, NULL, 10);
    }
    if (file)
        fclose(file);
    return count;
}

/* Of all workers. */
static unsigned long switches(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    unsigned long count = 0;

    assert_non_null(tasks);
    while ((entry = readdir(tasks))) {
        if (entry->d_name[0] != '.')
            count += switches_of(entry->d_name);
    }
    closedir(tasks);
    return count;
}

static void idle_workers_do_not_wake_up(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    unsigned long before;

    (void)state;
    rig_serve(&rig, "mem:1M", 3, RIG_QUEUES);
    rig_run(&rig, &call, &command);
    usleep(50000);
    before = switches();
    usleep(500000);
    assert_int_equal(switches(), before);
    rig_done(&rig);
}

static void a_request_into_a_sleeping_ring_wakes_its_worker(void **state)
{
    struct rig rig;

    (void)state;
    rig_serve(&rig, "mem:1M", 2, RIG_QUEUES);
    for (unsigned i = 0; i < 300; i++) {
        struct rig_call call;
        struct rig_command command = rig_read(i, 1);

        rig_post(&rig, 2 + i % 4, &call, 0, &command);
        rig_wait(&rig, &call);
        rig_assert_good(&call);
        if (i % 10 == 0)
            usleep(1000);
    }
    rig_done(&rig);
}

static void every_kick_race_is_won(void **state)
{
    struct rig rig;
    struct rig_call calls[2];
    struct rig_command command = rig_read(0, 1);

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    for (unsigned i = 0; i < 5000; i++) { /* posts fall into the moment before it sleeps */
        rig_post(&rig, 2, &calls[0], 0, &command);
        for (volatile unsigned spin = 0; spin < i % 700; spin++)
            ;
        rig_post(&rig, 2, &calls[1], 1, &command);
        rig_wait(&rig, &calls[0]);
        rig_wait(&rig, &calls[1]);
    }
    rig_done(&rig);
}

static void several_crews_come_and_go(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct hf_crew_options options = { .threads = 1 + i % 4, .poll_us = i % 2 ? 20 : 0 };
        struct hf_error error = { 0 };
        struct hf_crew *crew = hf_crew_new(&options, &error);

        assert_non_null(crew);
        assert_true(hf_crew_fd(crew) > 2);
        hf_crew_free(crew);
    }
    hf_crew_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_workers_do_not_wake_up),
        cmocka_unit_test(a_request_into_a_sleeping_ring_wakes_its_worker),
        cmocka_unit_test(every_kick_race_is_won),
        cmocka_unit_test(several_crews_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
