/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/fd.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(int flags)
{
    return open(in_place("disk"), flags | O_CREAT | O_CLOEXEC, 0600);
}

static void a_write_lock_excludes_another_open_of_the_same_process(void **state)
{
    HF_AUTO_FD int one = open_file(O_RDWR);
    HF_AUTO_FD int two = open_file(O_RDWR);

    (void)state;
    assert_int_equal(hf_lock_try(one, HF_LOCK_WRITE), 0);
    assert_int_equal(hf_lock_try(one, HF_LOCK_WRITE), 0);
    assert_int_equal(hf_lock_try(two, HF_LOCK_WRITE), -EAGAIN);
    assert_int_equal(hf_lock_try(two, HF_LOCK_READ), -EAGAIN);
    hf_lock_release(one);
    hf_lock_release(one);
    assert_int_equal(hf_lock_try(two, HF_LOCK_WRITE), 0);
}

static void read_locks_share_and_keep_writers_out(void **state)
{
    HF_AUTO_FD int one = open_file(O_RDWR);
    HF_AUTO_FD int two = open_file(O_RDONLY);

    (void)state;
    assert_int_equal(hf_lock_try(two, HF_LOCK_READ), 0);
    assert_int_equal(hf_lock_try(one, HF_LOCK_READ), 0);
    assert_int_equal(hf_lock_try(one, HF_LOCK_WRITE), -EAGAIN);
}

static void readers_of_one_service_wait_for_each_other_and_for_no_other(void **state)
{
    HF_AUTO_FD int one = open_file(O_RDONLY);
    HF_AUTO_FD int successor = open_file(O_RDONLY);
    HF_AUTO_FD int other = open_file(O_RDONLY);
    HF_AUTO_FD int writer = open_file(O_RDWR);

    (void)state;
    assert_int_equal(hf_lock_try(one, HF_LOCK_READ), 0);
    assert_int_equal(hf_lock_try_place(one, 7), 0);
    assert_int_equal(hf_lock_try(successor, HF_LOCK_READ), 0);
    assert_int_equal(hf_lock_try_place(successor, 7), -EAGAIN);
    assert_int_equal(hf_lock_try(other, HF_LOCK_READ), 0);
    assert_int_equal(hf_lock_try_place(other, UINT64_MAX), 0);
    hf_lock_release(one);
    assert_int_equal(hf_lock_try_place(successor, 7), 0);
    hf_lock_release(successor);
    assert_int_equal(hf_lock_try(writer, HF_LOCK_WRITE), -EAGAIN);
    hf_lock_release(other);
    assert_int_equal(hf_lock_try(writer, HF_LOCK_WRITE), 0);
    assert_int_equal(hf_lock_try_place(one, 7), -EAGAIN);
}

static void the_lock_lives_as_long_as_any_duplicate_of_the_open_file(void **state)
{
    int one = open_file(O_RDWR);
    HF_AUTO_FD int two = open_file(O_RDWR);
    int copy = hf_fd_dup(one);

    (void)state;
    assert_int_equal(hf_lock_try(one, HF_LOCK_WRITE), 0);
    hf_fd_close(&one);
    assert_int_equal(hf_lock_try(two, HF_LOCK_WRITE), -EAGAIN);
    hf_fd_close(&copy);
    assert_int_equal(hf_lock_try(two, HF_LOCK_WRITE), 0);
}

static void a_part_of_a_memfd_is_locked_against_those_who_share_its_fd(void **state)
{
    HF_AUTO_FD int fd = memfd_create("region", MFD_CLOEXEC);
    HF_AUTO_FD int same = dup(fd);

    (void)state;
    assert_int_equal(ftruncate(fd, 8192), 0);
    HF_AUTO_FD int held = hf_lock_part(fd, 0, 4096);
    assert_true(held >= HF_FD_FIRST);
    assert_int_equal(hf_lock_part(same, 4095, 2), -EAGAIN);
    HF_AUTO_FD int beside = hf_lock_part(same, 4096, 4096);
    assert_true(beside >= HF_FD_FIRST);
    hf_fd_close(&held);
    HF_AUTO_FD int after = hf_lock_part(same, 0, 4096);
    assert_true(after >= HF_FD_FIRST);
}

static void what_cannot_be_opened_again_cannot_be_locked_in_part(void **state)
{
    HF_AUTO_FD int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
    HF_AUTO_FD int reader = open_file(O_RDONLY); /* makes it */
    HF_AUTO_FD int name = open_file(O_PATH);

    (void)state;
    assert_int_equal(hf_lock_part(socket_fd, 0, 1), -EINVAL);
    assert_int_equal(hf_lock_part(name, 0, 1), -EINVAL);
    assert_int_equal(hf_lock_part(reader, 0, 1), -EINVAL);
    assert_int_equal(hf_lock_part(-1, 0, 1), -EBADF);
}

/* A shortage is not "nobody can lock this": later there may be descriptors. */
static void a_shortage_of_descriptors_is_told_from_a_lock_that_cannot_be(void **state)
{
    HF_AUTO_FD int fd = memfd_create("region", MFD_CLOEXEC);
    struct rlimit kept, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &kept), 0);
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = kept.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int lock = hf_lock_part(fd, 0, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &kept), 0);
    assert_int_equal(lock, -EMFILE);
}

static void a_write_lock_needs_an_fd_open_for_writing(void **state)
{
    HF_AUTO_FD int fd = open_file(O_RDONLY);

    (void)state;
    assert_int_equal(hf_lock_try(fd, HF_LOCK_WRITE), -EBADF);
    assert_int_equal(hf_lock_try(-1, HF_LOCK_WRITE), -EBADF);
}

static char locked_path[512];

static void hold_lock(int ready_fd)
{
    int fd = open(locked_path, O_RDWR);

    if (hf_lock_try(fd, HF_LOCK_WRITE) < 0 || write(ready_fd, "r", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void the_holder_of_a_lock_is_found_by_name(void **state)
{
    HF_AUTO_FD int fd = open_file(O_RDWR);
    struct hf_lock_owner owner;

    (void)state;
    strcpy(locked_path, in_place("disk"));
    assert_false(hf_lock_find_owner(fd, &owner));
    pid_t pid = start_child(hold_lock);
    assert_int_equal(hf_lock_try(fd, HF_LOCK_WRITE), -EAGAIN);
    assert_true(hf_lock_find_owner(fd, &owner));
    assert_int_equal(owner.pid, pid);
    assert_memory_equal(owner.name, "test_os_lock", 12);
    end_child(pid);
    assert_false(hf_lock_find_owner(fd, &owner));
    assert_int_equal(hf_lock_try(fd, HF_LOCK_WRITE), 0);
    assert_false(hf_lock_find_owner(-1, &owner));
}

static void a_lock_of_our_own_is_not_somebody_elses(void **state)
{
    HF_AUTO_FD int fd = open_file(O_RDWR);
    struct hf_lock_owner owner;

    (void)state;
    assert_int_equal(hf_lock_try(fd, HF_LOCK_WRITE), 0);
    assert_false(hf_lock_find_owner(fd, &owner));
    assert_int_equal(owner.pid, 0);
}

static atomic_int holders;
static atomic_int collisions;
static char contested_path[512];

static void *lock_and_give_back(void *argument)
{
    (void)argument;
    for (int i = 0; i < 3000; i++) {
        int fd = hf_lock_file(contested_path, NULL);
        if (fd < 0)
            continue;
        if (atomic_fetch_add(&holders, 1) != 0)
            atomic_fetch_add(&collisions, 1);
        sched_yield();
        atomic_fetch_sub(&holders, 1);
        hf_lock_file_done(contested_path, &fd);
    }
    return NULL;
}

/* The one that comes may have opened the file that the one that goes unlinks. */
static void a_lock_file_has_one_holder_though_holders_remove_it(void **state)
{
    pthread_t threads[3];

    (void)state;
    strcpy(contested_path, in_place("a.lock"));
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lock_and_give_back, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&collisions), 0);
}

static void a_lock_file_excludes_and_goes_when_given_back(void **state)
{
    struct hf_error error = { 0 };
    struct stat status;

    (void)state;
    int one = hf_lock_file(in_place("a.lock"), NULL);
    assert_true(one >= HF_FD_FIRST);
    assert_int_equal(hf_lock_file(in_place("a.lock"), &error), -EAGAIN);
    assert_int_equal(error.code, EAGAIN);
    hf_lock_file_done(in_place("a.lock"), &one);
    assert_int_equal(one, -1);
    assert_int_equal(stat(in_place("a.lock"), &status), -1);
    hf_lock_file_done(in_place("a.lock"), &one);
}

static void a_lock_on_a_file_that_was_unlinked_does_not_count(void **state)
{
    (void)state;
    int old = hf_lock_file(in_place("a.lock"), NULL);
    assert_int_equal(unlink(in_place("a.lock")), 0);
    int fresh = hf_lock_file(in_place("a.lock"), NULL);
    assert_true(fresh >= 0);
    hf_lock_file_done(in_place("a.lock"), &old);
    assert_int_equal(access(in_place("a.lock"), F_OK), 0);
    hf_lock_file_done(in_place("a.lock"), &fresh);
}

static void a_lock_file_that_cannot_be_made_says_why(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_lock_file(in_place("no/a.lock"), &error), -ENOENT);
    assert_non_null(strstr(error.text, "no/a.lock"));
    assert_int_equal(symlink("elsewhere", in_place("b.lock")), 0);
    assert_int_equal(hf_lock_file(in_place("b.lock"), &error), -ELOOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_write_lock_excludes_another_open_of_the_same_process),
        TIDY(read_locks_share_and_keep_writers_out),
        TIDY(readers_of_one_service_wait_for_each_other_and_for_no_other),
        TIDY(the_lock_lives_as_long_as_any_duplicate_of_the_open_file),
        TIDY(a_part_of_a_memfd_is_locked_against_those_who_share_its_fd),
        TIDY(what_cannot_be_opened_again_cannot_be_locked_in_part),
        TIDY(a_shortage_of_descriptors_is_told_from_a_lock_that_cannot_be),
        TIDY(a_write_lock_needs_an_fd_open_for_writing),
        TIDY(the_holder_of_a_lock_is_found_by_name),
        TIDY(a_lock_of_our_own_is_not_somebody_elses),
        TIDY(a_lock_file_has_one_holder_though_holders_remove_it),
        TIDY(a_lock_file_excludes_and_goes_when_given_back),
        TIDY(a_lock_on_a_file_that_was_unlinked_does_not_count),
        TIDY(a_lock_file_that_cannot_be_made_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
