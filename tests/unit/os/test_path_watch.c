/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/listener.h"
#include "os/path_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct subscriber {
    struct hf_path_watch watch;
    int called;
    struct subscriber *stops; /* in its callback */
};

static struct hf_loop loop;

static int begin(void **state)
{
    return fixture_begin(state) + hf_loop_init(&loop);
}

static int end(void **state)
{
    hf_loop_done(&loop);
    return fixture_end(state);
}

static void note(struct hf_path_watch *watch)
{
    struct subscriber *subscriber = HF_CONTAINER(watch, struct subscriber, watch);

    subscriber->called++;
    if (subscriber->stops != NULL)
        hf_path_watch_stop(&subscriber->stops->watch);
}

static void start(struct subscriber *subscriber, const char *path)
{
    *subscriber = (struct subscriber){ .watch.appeared = note };
    assert_int_equal(hf_path_watch_start(&subscriber->watch, &loop, path, NULL), 0);
}

static void make_file(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    close(fd);
}

/* Until nothing is left to do. */
static void settle(void)
{
    while (hf_loop_dispatch(&loop, 20) > 0)
        continue;
}

static unsigned count_inotify(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    unsigned count = 0;
    char target[64];

    while ((entry = readdir(folder)) != NULL) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        count += strcmp(target, "anon_inode:inotify") == 0;
    }
    closedir(folder);
    return count;
}

static void a_file_that_appears_is_told_and_others_are_not(void **state)
{
    struct subscriber one;

    (void)state;
    start(&one, in_place("a.sock"));
    make_file(in_place("b.sock"));
    make_file(in_place("a.sock2"));
    make_file(in_place("a.soc"));
    settle();
    assert_int_equal(one.called, 0);
    make_file(in_place("a.sock"));
    settle();
    assert_int_equal(one.called, 1);
    hf_path_watch_stop(&one.watch);
    hf_path_watch_stop(&one.watch);
}

static void a_listener_that_renames_its_socket_is_told(void **state)
{
    struct hf_listener listener;
    struct subscriber one;

    (void)state;
    start(&one, in_place("a.sock"));
    assert_int_equal(hf_listener_init(&listener, in_place("a.sock"), 0, NULL), 0);
    settle();
    assert_int_equal(one.called, 1);
    hf_listener_done(&listener);
    hf_path_watch_stop(&one.watch);
}

static void missing_folders_are_followed_down_as_they_appear(void **state)
{
    struct subscriber one;

    (void)state;
    start(&one, in_place("x/y//z/a.sock"));
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    settle();
    assert_int_equal(mkdir(in_place("x/y"), 0700), 0);
    settle();
    assert_int_equal(mkdir(in_place("x/y/z"), 0700), 0);
    settle();
    int before = one.called;
    make_file(in_place("x/y/z/a.sock"));
    settle();
    assert_int_equal(one.called, before + 1);
    hf_path_watch_stop(&one.watch);
}

static void folders_made_all_at_once_are_not_missed(void **state)
{
    struct subscriber one;

    (void)state;
    start(&one, in_place("x/y/a.sock"));
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    assert_int_equal(mkdir(in_place("x/y"), 0700), 0);
    make_file(in_place("x/y/a.sock"));
    settle();
    assert_true(one.called >= 1);
    hf_path_watch_stop(&one.watch);
}

#define RACES 400

static pthread_barrier_t barrier;

static void *make_all(void *argument)
{
    (void)argument;
    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait(&barrier);
        mkdir(in_place("x"), 0700);
        mkdir(in_place("x/y"), 0700);
        make_file(in_place("x/y/a.sock"));
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void remove_all(void)
{
    assert_int_equal(unlink(in_place("x/y/a.sock")), 0);
    assert_int_equal(rmdir(in_place("x/y")), 0);
    assert_int_equal(rmdir(in_place("x")), 0);
}

/* Start, then look: what is not seen then is told later. */
static void folders_made_while_the_watch_is_set_up_are_not_missed(void **state)
{
    static struct subscriber one;
    struct subscriber keeper;
    pthread_t thread;

    (void)state;
    /* Keeps the instance open, for the kernel takes its time to close one; in a folder that is none
     * of the race's. */
    assert_int_equal(mkdir(in_place("keeper"), 0700), 0);
    start(&keeper, in_place("keeper/a.sock"));
    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, make_all, NULL), 0);
    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait(&barrier);
        uint64_t start_ns = hf_clock_ns() + (uint64_t)(i % 100) * HF_NS_PER_US;
        while (hf_clock_ns() < start_ns)
            continue;
        start(&one, in_place("x/y/a.sock"));
        bool seen = access(in_place("x/y/a.sock"), F_OK) == 0;
        pthread_barrier_wait(&barrier);
        for (int j = 0; j < 20 && !seen && one.called == 0; j++)
            hf_loop_dispatch(&loop, 100);
        assert_true(seen || one.called > 0);
        hf_path_watch_stop(&one.watch);
        remove_all();
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    hf_path_watch_stop(&keeper.watch);
}

static void a_folder_removed_and_made_again_is_followed(void **state)
{
    struct subscriber one;

    (void)state;
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    start(&one, in_place("x/a.sock"));
    assert_int_equal(rmdir(in_place("x")), 0);
    settle();
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    settle();
    int before = one.called;
    make_file(in_place("x/a.sock"));
    settle();
    assert_int_equal(one.called, before + 1);
    hf_path_watch_stop(&one.watch);
}

static void a_folder_renamed_away_is_no_longer_the_folder(void **state)
{
    struct subscriber one;

    (void)state;
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    start(&one, in_place("x/a.sock"));
    assert_int_equal(rename(in_place("x"), in_place("old")), 0);
    settle();
    make_file(in_place("old/a.sock"));
    settle();
    assert_int_equal(one.called, 0);
    assert_int_equal(mkdir(in_place("x"), 0700), 0);
    make_file(in_place("x/a.sock"));
    settle();
    assert_true(one.called >= 1);
    hf_path_watch_stop(&one.watch);
}

static void watches_of_one_folder_share_and_outlive_one_another(void **state)
{
    struct subscriber one;
    struct subscriber two;
    struct subscriber same;

    (void)state;
    start(&one, in_place("a.sock"));
    start(&same, in_place("a.sock"));
    start(&two, in_place("b.sock"));
    make_file(in_place("a.sock"));
    settle();
    assert_int_equal(one.called, 1);
    assert_int_equal(same.called, 1);
    assert_int_equal(two.called, 0);
    hf_path_watch_stop(&one.watch);
    make_file(in_place("b.sock"));
    settle();
    assert_int_equal(two.called, 1);
    hf_path_watch_stop(&same.watch);
    hf_path_watch_stop(&two.watch);
}

static void a_callback_may_stop_another_and_itself(void **state)
{
    struct subscriber one;
    struct subscriber two;

    (void)state;
    start(&one, in_place("a.sock"));
    start(&two, in_place("a.sock"));
    one.stops = &two;
    two.stops = &one;
    make_file(in_place("a.sock"));
    settle();
    assert_int_equal(one.called + two.called, 1);
    one.stops = &one;
    two.stops = &two;
    assert_int_equal(unlink(in_place("a.sock")), 0);
    make_file(in_place("a.sock"));
    settle();
    assert_int_equal(one.called + two.called, 2);
    assert_null(one.watch.port);
    assert_null(two.watch.port);
}

static void a_thousand_files_nearby_lose_no_event(void **state)
{
    struct subscriber one;
    char name[32];

    (void)state;
    start(&one, in_place("a.sock"));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "noise-%d", i);
        make_file(in_place(name));
    }
    make_file(in_place("a.sock"));
    settle();
    assert_int_equal(one.called, 1);
    hf_path_watch_stop(&one.watch);
}

#define LOOPS 40

static void all_loops_of_the_process_share_one_instance(void **state)
{
    static struct hf_loop loops[LOOPS];
    static struct subscriber subscribers[LOOPS];

    (void)state;
    for (int i = 0; i < LOOPS; i++) {
        subscribers[i] = (struct subscriber){ .watch.appeared = note };
        assert_int_equal(hf_loop_init(&loops[i]), 0);
        assert_int_equal(
            hf_path_watch_start(&subscribers[i].watch, &loops[i], in_place("a.sock"), NULL), 0);
    }
    make_file(in_place("a.sock"));
    /* The last loop reads for all. */
    for (int i = LOOPS - 1; i >= 0; i--) {
        while (hf_loop_dispatch(&loops[i], 0) > 0)
            continue;
        assert_int_equal(subscribers[i].called, 1);
        hf_path_watch_stop(&subscribers[i].watch);
        hf_loop_done(&loops[i]);
    }
    assert_int_equal(count_inotify(), 0);
}

/* 200 of them, where a user has 128 instances. */
static void more_loops_than_instances_work(void **state)
{
    static struct hf_loop loops[200];
    static struct subscriber subscribers[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        subscribers[i] = (struct subscriber){ .watch.appeared = note };
        assert_int_equal(hf_loop_init(&loops[i]), 0);
        assert_int_equal(
            hf_path_watch_start(&subscribers[i].watch, &loops[i], in_place("a.sock"), NULL), 0);
    }
    for (int i = 0; i < 200; i++) {
        hf_path_watch_stop(&subscribers[i].watch);
        hf_loop_done(&loops[i]);
    }
}

static atomic_int hits;
static atomic_bool stop_threads;
static atomic_int threads_ready;
static char shared_path[512];

static void hit(struct hf_path_watch *watch)
{
    (void)watch;
    atomic_fetch_add(&hits, 1);
}

static void *watching_thread(void *argument)
{
    struct hf_loop own;
    struct hf_path_watch watch = { .appeared = hit };

    (void)argument;
    if (hf_loop_init(&own) < 0 || hf_path_watch_start(&watch, &own, shared_path, NULL) < 0)
        return NULL;
    atomic_fetch_add(&threads_ready, 1);
    while (!atomic_load(&stop_threads))
        hf_loop_dispatch(&own, 5);
    hf_path_watch_stop(&watch);
    hf_loop_done(&own);
    return NULL;
}

static void loops_on_different_threads_are_all_told(void **state)
{
    pthread_t threads[4];
    uint64_t deadline_ns = hf_clock_ns() + 10 * HF_NS_PER_S;

    (void)state;
    strcpy(shared_path, in_place("a.sock"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, watching_thread, NULL), 0);
    while (atomic_load(&threads_ready) < 4 && hf_clock_ns() < deadline_ns)
        sleep_ms(1);
    make_file(shared_path);
    while (atomic_load(&hits) < 4 && hf_clock_ns() < deadline_ns)
        sleep_ms(1);
    atomic_store(&stop_threads, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&hits), 4);
}

static void a_path_that_cannot_be_watched_says_why(void **state)
{
    struct hf_path_watch watch = { .appeared = note };
    struct hf_error error = { 0 };
    char path[200];

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(hf_path_watch_start(&watch, &loop, path, &error), -ENAMETOOLONG);
    assert_null(watch.port);
    assert_int_equal(hf_path_watch_start(&watch, &loop, "", &error), -EINVAL);
}

static void relative_paths_and_the_root_work(void **state)
{
    struct subscriber relative;
    struct subscriber root;

    (void)state;
    start(&relative, "hf-no-such-folder/a.sock");
    start(&root, "/hf-no-such.sock");
    settle();
    assert_int_equal(relative.called + root.called, 0);
    hf_path_watch_stop(&relative.watch);
    hf_path_watch_stop(&root.watch);
}

#define PATH_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PATH_TEST(a_file_that_appears_is_told_and_others_are_not),
        PATH_TEST(a_listener_that_renames_its_socket_is_told),
        PATH_TEST(missing_folders_are_followed_down_as_they_appear),
        PATH_TEST(folders_made_all_at_once_are_not_missed),
        PATH_TEST(folders_made_while_the_watch_is_set_up_are_not_missed),
        PATH_TEST(a_folder_removed_and_made_again_is_followed),
        PATH_TEST(a_folder_renamed_away_is_no_longer_the_folder),
        PATH_TEST(watches_of_one_folder_share_and_outlive_one_another),
        PATH_TEST(a_callback_may_stop_another_and_itself),
        PATH_TEST(a_thousand_files_nearby_lose_no_event),
        PATH_TEST(all_loops_of_the_process_share_one_instance),
        PATH_TEST(more_loops_than_instances_work),
        PATH_TEST(loops_on_different_threads_are_all_told),
        PATH_TEST(a_path_that_cannot_be_watched_says_why),
        PATH_TEST(relative_paths_and_the_root_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
