/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/event.h"
#include "os/fd.h"
#include "os/guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE          4096u
#define PAGES         8u
#define SIZE          (PAGES * PAGE)
#define MANY_MAPPINGS 200u /* more than one chunk of the table */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

struct peer {
    int fd;
    struct hf_mapping mapping;
    struct hf_guard_owner owner;
};

/* cmocka takes SIGBUS at the beginning of each setup and each test. */
static void share(struct peer *peer)
{
    assert_int_equal(hf_guard_install(), 0);
    memset(peer, 0, sizeof(*peer));
    peer->fd = memfd_create("peer", MFD_CLOEXEC);
    assert_true(peer->fd >= 0);
    assert_int_equal(ftruncate(peer->fd, SIZE), 0);
    assert_int_equal(hf_mapping_init(&peer->mapping, peer->fd, 0, SIZE, NULL), 0);
    memset(peer->mapping.start, 0xAA, SIZE);
    assert_int_equal(hf_guard_add(&peer->mapping, &peer->owner), 0);
}

static void part(struct peer *peer)
{
    hf_guard_remove(&peer->mapping);
    hf_mapping_done(&peer->mapping);
    hf_fd_close(&peer->fd);
}

static uint8_t touch(const struct peer *peer, size_t offset)
{
    return *(volatile uint8_t *)(peer->mapping.start + offset);
}

static void memory_that_was_cut_off_reads_as_zeros_and_is_told(void **state)
{
    struct peer peer;

    (void)state;
    share(&peer);
    peer.owner.wake_fd = hf_event_create();
    assert_int_equal(ftruncate(peer.fd, PAGE), 0);
    assert_int_equal(touch(&peer, 0), 0xAA);
    assert_false(hf_guard_lost(&peer.owner));
    assert_int_equal(touch(&peer, SIZE - 1), 0);
    assert_true(hf_guard_lost(&peer.owner));
    assert_int_equal(hf_event_drain(peer.owner.wake_fd), 0);
    peer.mapping.start[SIZE - 1] = 1;
    assert_int_equal(touch(&peer, SIZE - 1), 1);
    hf_guard_lose(&peer.owner);
    assert_int_equal(hf_event_drain(peer.owner.wake_fd), -EAGAIN); /* once is enough */
    hf_fd_close(&peer.owner.wake_fd);
    part(&peer);
}

static void a_write_to_memory_that_was_cut_off_is_survived(void **state)
{
    struct peer peer;

    (void)state;
    share(&peer);
    assert_int_equal(ftruncate(peer.fd, 0), 0);
    memset(peer.mapping.start, 1, SIZE);
    assert_true(hf_guard_lost(&peer.owner));
    assert_int_equal(touch(&peer, SIZE - 1), 1);
    part(&peer);
}

static void memory_of_others_stays_what_it_is(void **state)
{
    struct peer peers[MANY_MAPPINGS];

    (void)state;
    for (unsigned i = 0; i < MANY_MAPPINGS; i++)
        share(&peers[i]);
    assert_int_equal(ftruncate(peers[MANY_MAPPINGS - 1].fd, 0), 0);
    assert_int_equal(touch(&peers[MANY_MAPPINGS - 1], 0), 0);
    for (unsigned i = 0; i < MANY_MAPPINGS; i++) {
        assert_int_equal(hf_guard_lost(&peers[i].owner), i == MANY_MAPPINGS - 1);
        assert_int_equal(touch(&peers[i], PAGE), i == MANY_MAPPINGS - 1 ? 0 : 0xAA);
        part(&peers[i]);
    }
}

static void *come_and_go(void *argument)
{
    const atomic_bool *stop = argument;
    struct peer peer;

    while (!atomic_load(stop)) {
        share(&peer);
        part(&peer);
    }
    return NULL;
}

static void *lose_again_and_again(void *argument)
{
    struct peer peer;

    (void)argument;
    for (unsigned i = 0; i < 300; i++) {
        share(&peer);
        assert_int_equal(ftruncate(peer.fd, 0), 0);
        assert_int_equal(touch(&peer, i % SIZE), 0);
        assert_true(hf_guard_lost(&peer.owner));
        part(&peer);
    }
    return NULL;
}

static void faults_in_threads_while_others_come_and_go(void **state)
{
    atomic_bool stop = false;
    pthread_t busy;
    pthread_t threads[2];

    (void)state;
    assert_int_equal(pthread_create(&busy, NULL, come_and_go, &stop), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lose_again_and_again, NULL), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stop, true);
    pthread_join(busy, NULL);
}

/* ---- in a child: it may die ---- */

static int ends(void (*body)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct rlimit none = { 0, 0 };
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGBUS, SIG_DFL);
        if (hf_guard_install() == 0)
            body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void touch_unguarded(void)
{
    struct peer peer;

    share(&peer);
    hf_guard_remove(&peer.mapping);
    if (ftruncate(peer.fd, 0) == 0)
        touch(&peer, 0);
}

static void send_one(void)
{
    raise(SIGBUS);
}

static void a_fault_elsewhere_ends_the_process_as_ever(void **state)
{
    (void)state;
    assert_int_equal(ends(touch_unguarded), -SIGBUS);
    assert_int_equal(ends(send_one), -SIGBUS);
}

static void lose_with_little_memory(void)
{
    struct rlimit little = { 256u << 20, 256u << 20 };
    struct hf_guard_owner owner = { 0 };
    struct hf_mapping mapping;
    int fd = memfd_create("large", MFD_CLOEXEC);
    size_t size = 1u << 30;

    if (ftruncate(fd, (off_t)size) < 0 || hf_mapping_init(&mapping, fd, 0, size, NULL) < 0 ||
        hf_guard_add(&mapping, &owner) < 0 || setrlimit(RLIMIT_DATA, &little) < 0)
        _exit(1);
    mapping.start[0] = 1;
    if (ftruncate(fd, PAGE) < 0)
        _exit(2);
    for (size_t at = 0; at < 16 * (size_t)PAGE; at += PAGE)
        if (*(volatile uint8_t *)(mapping.start + at) != (at == 0))
            _exit(3);
    _exit(hf_guard_lost(&owner) ? 0 : 4);
}

static void without_memory_for_all_the_page_is_enough(void **state)
{
    (void)state;
    if (SANITIZED)
        skip(); /* their shadows are above any limit */
    assert_int_equal(ends(lose_with_little_memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(memory_that_was_cut_off_reads_as_zeros_and_is_told),
        TIDY(a_write_to_memory_that_was_cut_off_is_survived),
        TIDY(memory_of_others_stays_what_it_is),
        TIDY(faults_in_threads_while_others_come_and_go),
        TIDY(a_fault_elsewhere_ends_the_process_as_ever),
        TIDY(without_memory_for_all_the_page_is_enough),
    };

    return cmocka_run_group_tests_name("os guard", tests, NULL, NULL);
}
