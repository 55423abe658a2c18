/* SPDX-License-Identifier: BSD-3-Clause */
/* The dirty log: what the back-end is told of it, and who may not serve while it is on (R60). */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOG_BYTES 4096u /* for 128 MiB of guest memory */

static struct backend_script logs(void)
{
    return (struct backend_script){ .adds = HF_FEATURE(LOG_ALL),
                                    .adds_protocol = HF_PROTOCOL_FEATURE(LOG_SHMFD) };
}

static int make_log(void)
{
    return hf_region_create("log", 2 * LOG_BYTES);
}

static void set_log(struct rig *rig, uint64_t fd_offset)
{
    int fd = make_log();

    assert_int_equal(hf_device_set_log(rig->device, fd, fd_offset, LOG_BYTES, NULL), 0);
    hf_fd_close(&fd);
}

static pid_t start(struct rig *rig, struct backend_script script)
{
    pid_t pid = story_backend(rig, &script);

    rig_start(rig);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    story_forget();
    return pid;
}

static void settled(struct rig *rig, unsigned times)
{
    rig_until(rig, HF_DEVICE_EVENT_LOG_SETTLED, times);
    assert_true(hf_device_log_settled(rig->device));
}

static void not_settled(struct rig *rig)
{
    unsigned told = rig->events[HF_DEVICE_EVENT_LOG_SETTLED];

    rig_dispatch_for(rig, 30 * HF_NS_PER_MS);
    assert_false(hf_device_log_settled(rig->device));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOG_SETTLED], told);
}

/* Somewhere to log before anybody logs, and each ring says where its used part is marked. */
static void expect_log_on(const char *base)
{
    unsigned told = story_first(base);
    unsigned features = story_find("-> SET_FEATURES 0x144000000", told);
    unsigned addr = features;

    assert_non_null(strstr(story.lines[features], "LOG_ALL"));
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        char line[40];

        snprintf(line, sizeof(line), "-> SET_VRING_ADDR ring=%u flags=1", i);
        addr = story_find(line, addr);
        assert_non_null(strstr(story.lines[addr], "log=0x100"));
    }
}

static void a_log_is_told_while_the_rings_run_on(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());

    assert_true(hf_device_log_settled(rig->device));
    set_log(rig, LOG_BYTES);
    assert_false(hf_device_log_settled(rig->device));
    settled(rig, 1);
    expect_log_on("-> SET_LOG_BASE size=0x1000 offset=0x1000 fds=1");
    assert_int_equal(story_times("-> "), 2 + RIG_QUEUES);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STOPPED], 0);
    backend_end(pid, true);
}

static void a_log_is_in_effect_when_the_back_end_has_confirmed_the_last_of_it(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());

    backend_board_hold(story.board, HF_REQUEST_SET_VRING_ADDR);
    set_log(rig, 0);
    story_until(rig, "-> SET_VRING_ADDR ring=2", 1);
    not_settled(rig);
    backend_board_hold(story.board, 0);
    settled(rig, 1);
    story_find("event LOG_SETTLED", story_first("<- SET_VRING_ADDR reply 0"));
    backend_end(pid, true);
}

static void a_log_is_replaced_by_its_successor(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());

    set_log(rig, 0);
    settled(rig, 1);
    story_forget();
    unsigned fds = rig_count_fds();
    set_log(rig, LOG_BYTES);
    settled(rig, 2);
    story_first("-> SET_LOG_BASE size=0x1000 offset=0x1000 fds=1");
    assert_int_equal(story_times("-> "), 1);
    assert_int_equal(rig_count_fds(), fds);
    backend_end(pid, true);
}

static void a_log_ends_when_the_back_end_has_confirmed_it(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    unsigned fds = rig_count_fds();

    set_log(rig, 0);
    settled(rig, 1);
    story_forget();
    backend_board_hold(story.board, HF_REQUEST_SET_FEATURES);
    hf_device_end_log(rig->device);
    story_until(rig, "-> SET_FEATURES 0x140000000", 1);
    not_settled(rig);
    backend_board_hold(story.board, 0);
    settled(rig, 2);
    assert_int_equal(story_times("-> SET_VRING_ADDR ring=0 flags=0"), 1);
    assert_int_equal(story_times("-> SET_LOG_BASE"), 0);
    assert_int_equal(rig_count_fds(), fds);
    backend_end(pid, true);
}

static void to_end_a_log_that_is_not_there_is_harmless(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());

    hf_device_end_log(rig->device);
    assert_true(hf_device_log_settled(rig->device));
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

/* ---- over back-ends -------------------------------------------------------------------------- */

static void the_next_back_end_is_given_the_log_before_its_rings_start(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = logs();
    pid_t pid = start(rig, script);

    set_log(rig, 0);
    settled(rig, 1);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    story_forget();
    pid = story_backend(rig, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    expect_log_on("-> SET_LOG_BASE size=0x1000 offset=0x0 fds=1");
    assert_true(story_first("-> SET_VRING_KICK") > story_first("-> SET_VRING_ADDR ring=2 flags=1"));
    backend_end(pid, true);
}

/* The successor may never start its rings, and then would mark nothing. A bit of the host's stays.
 */
static void after_a_crash_the_used_rings_are_marked(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    const unsigned page = RIG_MEMORY / 4096;
    uint8_t bits = 0x80;
    int fd = make_log();

    assert_int_equal(pwrite(fd, &bits, 1, LOG_BYTES + page / 8), 1);
    assert_int_equal(hf_device_set_log(rig->device, fd, LOG_BYTES, LOG_BYTES, NULL), 0);
    settled(rig, 1);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(pread(fd, &bits, 1, LOG_BYTES + page / 8), 1);
    assert_int_equal(bits, 0x80 | 1u << page % 8);
    hf_fd_close(&fd);
}

static void after_a_clean_stop_nothing_is_marked_by_us(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    uint8_t bits = 0xff;
    int fd = make_log();

    assert_int_equal(hf_device_set_log(rig->device, fd, 0, LOG_BYTES, NULL), 0);
    settled(rig, 1);
    hf_device_set_status(rig->device, 3, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(pread(fd, &bits, 1, RIG_MEMORY / 4096 / 8), 1);
    assert_int_equal(bits, 0);
    hf_fd_close(&fd);
    backend_end(pid, true);
}

static void who_cannot_log_is_refused_by_name_until_logging_ends(struct rig *rig,
                                                                 struct backend_script poor,
                                                                 const char *name)
{
    pid_t pid = start(rig, logs());

    set_log(rig, 0);
    settled(rig, 1);
    backend_end(pid, true);
    pid = story_backend(rig, &poor);
    rig_until(rig, HF_DEVICE_EVENT_REFUSED, 1);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_REFUSED], name));
    assert_int_equal(rig->events[HF_DEVICE_EVENT_STARTED], 1);
    hf_device_end_log(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    settled(rig, 2);
    backend_end(pid, true);
}

static void who_lacks_log_all_is_refused_by_name_until_logging_ends(void **state)
{
    struct backend_script poor = { .adds_protocol = HF_PROTOCOL_FEATURE(LOG_SHMFD) };

    who_cannot_log_is_refused_by_name_until_logging_ends(*state, poor, "LOG_ALL");
}

static void who_lacks_log_shmfd_is_refused_by_name_until_logging_ends(void **state)
{
    struct backend_script poor = { .adds = HF_FEATURE(LOG_ALL) };

    who_cannot_log_is_refused_by_name_until_logging_ends(*state, poor, "LOG_SHMFD");
}

static void who_is_not_fenced_may_still_log(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = logs();
    pid_t hung = start(rig, script);

    set_log(rig, 0);
    settled(rig, 1);
    kill(hung, SIGSTOP);
    hf_device_force_stop(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_LOST, 2);
    rig_forget_socket(rig);
    pid_t pid = story_backend(rig, &script);
    rig_until(rig, HF_DEVICE_EVENT_CONNECTED, 2);
    hf_device_end_log(rig->device);
    not_settled(rig);
    backend_end(hung, true);
    settled(rig, 2);
    backend_end(pid, true);
}

static void a_log_set_while_nobody_is_there_is_for_the_next(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = logs();
    pid_t pid = start(rig, script);

    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    story_forget();
    set_log(rig, 0);
    settled(rig, 1); /* nobody writes: there is nothing to log */
    pid = story_backend(rig, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    expect_log_on("-> SET_LOG_BASE size=0x1000 offset=0x0 fds=1");
    backend_end(pid, true);
}

/* ---- what cannot be -------------------------------------------------------------------------- */

static void expect(struct rig *rig, int code, const char *text, int fd, uint64_t size_bytes)
{
    struct hf_error error;
    unsigned fds = rig_count_fds();

    assert_int_equal(hf_device_set_log(rig->device, fd, 4096, size_bytes, &error), code);
    assert_int_equal(error.code, -code);
    assert_string_equal(error.text, text);
    assert_int_equal(rig_count_fds(), fds);
    assert_true(hf_device_log_settled(rig->device));
}

static void a_log_that_cannot_be_is_refused_with_a_sentence(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    int fd = make_log(), bell = hf_event_create();

    /* Guest memory ends at 0x110000: 0x110 pages. */
    expect(rig, -EINVAL, "a log of 33 bytes is too small: guest memory up to 0x110000 takes 34", fd,
           33);
    expect(rig, -EINVAL, "the log's descriptor is no file that holds 4097 bytes at 4096", fd, 4097);
    expect(rig, -EINVAL,
           "the log's descriptor is no file that holds 18446744073709551615 bytes at 4096", fd,
           UINT64_MAX);
    expect(rig, -EINVAL, "the log's descriptor is no file that holds 34 bytes at 4096", bell, 34);
    expect(rig, -EINVAL, "the log's descriptor is no file that holds 34 bytes at 4096", -1, 34);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    assert_int_equal(hf_device_set_log(rig->device, fd, 4096, 34, NULL), 0);
    settled(rig, 1);
    hf_fd_close(&fd);
    hf_fd_close(&bell);
    backend_end(pid, true);
}

/* Not even where there is nothing to log. */
static void a_log_of_no_bytes_is_refused(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = logs();
    pid_t pid = story_backend(rig, &script);
    int fd = make_log();

    hf_device_realize_begin(rig->device);
    rig_until(rig, HF_DEVICE_EVENT_REALIZED, 1);
    expect(rig, -EINVAL, "a log of 0 bytes is too small: guest memory up to 0x110000 takes 34", fd,
           0);
    assert_int_equal(hf_device_set_memory(rig->device, NULL, 0, NULL), 0);
    expect(rig, -EINVAL, "a log of 0 bytes is too small: guest memory up to 0x0 takes 0", fd, 0);
    assert_int_equal(hf_device_set_log(rig->device, fd, 4096, 1, NULL), 0);
    hf_fd_close(&fd);
    backend_end(pid, true);
}

static void without_a_descriptor_no_log_is_set(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    int fd = make_log();
    struct hf_error error;
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ .rlim_cur = HF_FD_FIRST + 1, .rlim_max = before.rlim_max };
    setrlimit(RLIMIT_NOFILE, &none);
    int result = hf_device_set_log(rig->device, fd, 0, LOG_BYTES, &error);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(result, -EMFILE);
    assert_string_equal(error.text, "cannot keep the log's descriptor: Too many open files");
    hf_fd_close(&fd);
    backend_end(pid, true);
}

/* Pages beyond the log would be written, and nobody would know. */
static void memory_beyond_the_log_is_refused_until_there_is_a_larger_one(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, logs());
    struct hf_device_memory far = { .guest_address = 0x8000000 - 0x8000,
                                    .size_bytes = 0x10000,
                                    .host_address = rig->memory.start,
                                    .fd = rig->memory_fd };
    struct hf_device_memory all[] = { { .guest_address = RIG_MEMORY,
                                        .size_bytes = rig->memory.size_bytes,
                                        .host_address = rig->memory.start,
                                        .fd = rig->memory_fd },
                                      far };
    struct hf_error error;
    int fd = make_log();

    set_log(rig, 0);
    assert_int_equal(hf_device_add_memory(rig->device, &far, &error), -EINVAL);
    assert_string_equal(error.text, "cannot add memory at 0x7ff8000, 0x10000 bytes: the dirty log "
                                    "is too small");
    assert_int_equal(hf_device_set_memory(rig->device, all, 2, &error), -EINVAL);
    assert_int_equal(hf_device_set_log(rig->device, fd, 0, LOG_BYTES + 1, NULL), 0);
    assert_int_equal(hf_device_add_memory(rig->device, &far, &error), 0);
    hf_fd_close(&fd);
    backend_end(pid, true);
}

/* ---- migratable? ----------------------------------------------------------------------------- */

#define NO_LOG_ALL "Migration disabled: vhost lacks VHOST_F_LOG_ALL feature."
#define NO_LOG_SHMFD                                                                               \
    "Migration disabled: vhost-user backend lacks VHOST_USER_PROTOCOL_F_LOG_SHMFD feature."
#define NOBODY "Migration disabled: no back-end was there yet"

static void expect_migratable(struct rig *rig, int code, const char *text)
{
    struct hf_error why = { 0 };

    assert_int_equal(hf_device_migratable(rig->device, &why), code);
    assert_int_equal(why.code, -code);
    assert_string_equal(why.text, text);
}

static void without_log_all_it_cannot_be_migrated(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .adds_protocol = HF_PROTOCOL_FEATURE(LOG_SHMFD) };
    int fd = make_log();

    expect_migratable(rig, -ENOTCONN, NOBODY);
    expect(rig, -ENOTSUP, NOBODY, fd, LOG_BYTES);
    pid_t pid = start(rig, script);
    expect_migratable(rig, -ENOTSUP, NO_LOG_ALL);
    expect(rig, -ENOTSUP, NO_LOG_ALL, fd, LOG_BYTES);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    expect_migratable(rig, -ENOTSUP, NO_LOG_ALL);
    hf_fd_close(&fd);
}

static void without_log_shmfd_it_cannot_be_migrated(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .adds = HF_FEATURE(LOG_ALL) };
    int fd = make_log();
    pid_t pid = start(rig, script);

    expect_migratable(rig, -ENOTSUP, NO_LOG_SHMFD);
    expect(rig, -ENOTSUP, NO_LOG_SHMFD, fd, LOG_BYTES);
    hf_fd_close(&fd);
    backend_end(pid, true);
}

/* While the next one is asked nothing is known of it but that it will be refused if it is worse. */
static void with_both_it_can_be_migrated_whoever_is_there_at_the_moment(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = logs();
    pid_t pid = start(rig, script);

    expect_migratable(rig, 0, "");
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    expect_migratable(rig, 0, "");
    story_forget();
    backend_board_hold(story.board, HF_REQUEST_GET_FEATURES);
    pid = story_backend(rig, &script);
    story_until(rig, "-> GET_FEATURES", 1);
    expect_migratable(rig, 0, "");
    set_log(rig, 0);
    backend_board_hold(story.board, 0);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    settled(rig, 1);
    expect_log_on("-> SET_LOG_BASE");
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_log_is_told_while_the_rings_run_on),
        STORY(a_log_is_in_effect_when_the_back_end_has_confirmed_the_last_of_it),
        STORY(a_log_is_replaced_by_its_successor),
        STORY(a_log_ends_when_the_back_end_has_confirmed_it),
        STORY(to_end_a_log_that_is_not_there_is_harmless),
        STORY(the_next_back_end_is_given_the_log_before_its_rings_start),
        STORY(after_a_crash_the_used_rings_are_marked),
        STORY(after_a_clean_stop_nothing_is_marked_by_us),
        STORY(who_lacks_log_all_is_refused_by_name_until_logging_ends),
        STORY(who_lacks_log_shmfd_is_refused_by_name_until_logging_ends),
        STORY(who_is_not_fenced_may_still_log),
        STORY(a_log_set_while_nobody_is_there_is_for_the_next),
        STORY(a_log_that_cannot_be_is_refused_with_a_sentence),
        STORY(a_log_of_no_bytes_is_refused),
        STORY(without_a_descriptor_no_log_is_set),
        STORY(memory_beyond_the_log_is_refused_until_there_is_a_larger_one),
        STORY(without_log_all_it_cannot_be_migrated),
        STORY(without_log_shmfd_it_cannot_be_migrated),
        STORY(with_both_it_can_be_migrated_whoever_is_there_at_the_moment),
    };

    return cmocka_run_group_tests_name("device/log", tests, NULL, NULL);
}
