/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The region in use, in the layout of another back-end: what is copied, that the original stays as
 * it is, and when no copy is made.
 */
#include "../cmocka_all.h"

#include "frontend/effects.h"
#include "os/lock.h"
#include "os/process.h"
#include "ring/inflight.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUES 3u
#define SIZE   8u
#define STRIDE 144u /* 16 + 8 * 16, as yc-libvhost-server has it */

struct rig {
    struct hf_frontend frontend;
    struct hf_inflight_plan offer; /* the test's descriptor */
};

static int region_of(uint64_t bytes, uint8_t filled_with)
{
    int fd = memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    for (uint64_t at = 0; at < bytes; at++)
        assert_int_equal(pwrite(fd, &filled_with, 1, (off_t)at), 1);
    return fd;
}

static struct hf_inflight_plan plan_of(uint64_t stride, uint16_t queue_count, uint8_t filled_with)
{
    return (struct hf_inflight_plan){ .generation = 1,
                                      .mmap_size = stride * queue_count,
                                      .queue_count = queue_count,
                                      .queue_size = SIZE,
                                      .fd = region_of(stride * queue_count, filled_with) };
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct hf_frontend *frontend = &rig->frontend;

    hf_plan_init(&frontend->front.plan, QUEUES);
    frontend->front.plan.inflight = plan_of(STRIDE, QUEUES, 0);
    frontend->writer_pidfd = frontend->parting_pidfd = -1;
    frontend->stepping = true; /* what comes of it stays in the queue */
    rig->offer.fd = -1;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    hf_frontend_writer_stopped(&rig->frontend);
    close(rig->frontend.front.plan.inflight.fd);
    close(rig->frontend.parting_pidfd);
    close(rig->offer.fd);
    free(rig);
    return 0;
}

/* Why no copy was made, or NULL. */
static const char *convert(struct rig *rig)
{
    const struct hf_event *event = &rig->frontend.events[0];

    rig->frontend.event_count = rig->frontend.event_head = 0;
    rig->frontend.front.session.dial = 9;
    hf_frontend_convert(&rig->frontend, &rig->offer);
    assert_int_equal(rig->frontend.event_count, 1);
    assert_int_equal(event->kind, HF_EVENT_CONVERTED);
    assert_int_equal(event->dial, 9);
    assert_memory_equal(&event->offer, &rig->offer, sizeof(rig->offer));
    return event->why;
}

/* Header and entries that are all different. */
static void record(const struct hf_inflight_plan *plan, unsigned queue, uint8_t *bytes)
{
    struct hf_inflight_header header = { .version = 1,
                                         .desc_num = SIZE,
                                         .last_batch_head = (uint16_t)queue,
                                         .used_idx = (uint16_t)(500 + queue) };

    memcpy(bytes, &header, sizeof(header));
    for (unsigned i = 0; i < SIZE; i++) {
        struct hf_inflight_entry entry = { .inflight = i % 2,
                                           .next = (uint16_t)(i + 1),
                                           .counter = 100 * queue + i };

        memcpy(bytes + 16 + 16 * i, &entry, sizeof(entry));
    }
    assert_int_equal(pwrite(plan->fd, bytes, STRIDE, (off_t)(plan->mmap_offset + queue * STRIDE)),
                     STRIDE);
}

static void expect_bytes(int fd, uint64_t at, const uint8_t *bytes, uint64_t count)
{
    uint8_t found[STRIDE];

    assert_true(count <= STRIDE);
    assert_int_equal(pread(fd, found, count, (off_t)at), count);
    assert_memory_equal(found, bytes, count);
}

static void expect_copy_with_stride(struct rig *rig, uint64_t stride)
{
    static const uint8_t zeros[STRIDE];
    const struct hf_inflight_plan *plan = &rig->frontend.front.plan.inflight;
    uint8_t recorded[QUEUES][STRIDE];

    for (unsigned i = 0; i < QUEUES; i++)
        record(plan, i, recorded[i]);
    assert_null(convert(rig));
    for (unsigned i = 0; i < QUEUES; i++) {
        expect_bytes(plan->fd, i * STRIDE, recorded[i], STRIDE);
        expect_bytes(rig->offer.fd, rig->offer.mmap_offset + i * stride, recorded[i], STRIDE);
        expect_bytes(rig->offer.fd, rig->offer.mmap_offset + i * stride + STRIDE, zeros,
                     stride - STRIDE);
    }
}

static void what_was_recorded_lies_where_the_other_looks_for_it(void **state)
{
    struct rig *rig = *state;

    rig->offer = plan_of(192, QUEUES, 0xee);
    expect_copy_with_stride(rig, 192);
}

static void a_region_may_begin_anywhere_in_its_file(void **state)
{
    struct rig *rig = *state;

    rig->offer = plan_of(4096, QUEUES, 0xee);
    rig->offer.mmap_size = QUEUES * 256;
    rig->offer.mmap_offset = 4096;
    expect_copy_with_stride(rig, 256);
}

static void a_region_may_be_for_more_rings_than_there_are(void **state)
{
    struct rig *rig = *state;

    rig->offer = plan_of(192, QUEUES + 2, 0xee);
    expect_copy_with_stride(rig, 192);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct rig *rig = *state;
    uint8_t bytes[STRIDE];

    record(&rig->frontend.front.plan.inflight, 2, bytes);
    rig->offer = plan_of(STRIDE - 16, QUEUES, 0);
    assert_string_equal(convert(rig), hf_inflight_fault_text(HF_INFLIGHT_FAULT_STRIDE));
    rig->offer.mmap_size = 3 * 192 + 8;
    assert_string_equal(convert(rig), hf_inflight_fault_text(HF_INFLIGHT_FAULT_STRIDE));
    rig->offer.mmap_size = UINT64_C(3) << 40;
    assert_string_equal(convert(rig), "too large to copy");
}

static void a_region_that_nobody_may_write_is_refused(void **state)
{
    struct rig *rig = *state;

    rig->offer = plan_of(192, QUEUES, 0);
    assert_int_equal(fcntl(rig->offer.fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    assert_string_equal(convert(rig), "the region it made cannot be written");
}

static void a_region_in_use_that_became_shorter_is_not_copied(void **state)
{
    struct rig *rig = *state;

    rig->offer = plan_of(192, QUEUES, 0);
    assert_int_equal(ftruncate(rig->frontend.front.plan.inflight.fd, QUEUES * STRIDE - 1), 0);
    assert_string_equal(convert(rig), "the in-flight region is shorter than it was");
}

/* A back-end of ours holds the lock while it writes, whoever its front-end talks to. */
static void a_region_that_somebody_holds_is_not_copied(void **state)
{
    struct rig *rig = *state;
    int lock = hf_lock_part(rig->frontend.front.plan.inflight.fd, 0, QUEUES * STRIDE);

    assert_true(lock >= 0);
    rig->offer = plan_of(192, QUEUES, 0);
    assert_string_equal(convert(rig), "a back-end still uses it");
    close(lock);
    assert_null(convert(rig));
}

/* The back-end that was hung up on. */
static pid_t lose_a_sleeper(struct hf_frontend *frontend)
{
    pid_t pid = fork();

    if (pid == 0) {
        pause();
        _exit(0);
    }
    assert_int_equal(hf_process_open(pid, &frontend->parting_pidfd), HF_PROCESS_FOUND);
    frontend->parting_pid = pid;
    hf_frontend_writer_lost(frontend);
    return pid;
}

static void end_it(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What it writes after the copy would be lost: a request answered would be marked for ever. */
static void what_a_process_may_still_write_is_not_copied_before_its_end(void **state)
{
    struct rig *rig = *state;
    pid_t pid = lose_a_sleeper(&rig->frontend);

    rig->offer = plan_of(192, QUEUES, 0);
    assert_string_equal(convert(rig), "the process that wrote it may still live");
    end_it(pid);
    assert_null(convert(rig));
}

static void who_has_stopped_its_rings_may_live(void **state)
{
    struct rig *rig = *state;
    pid_t pid = lose_a_sleeper(&rig->frontend);

    rig->offer = plan_of(192, QUEUES, 0);
    hf_frontend_writer_stopped(&rig->frontend);
    assert_null(convert(rig));
    end_it(pid);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(what_was_recorded_lies_where_the_other_looks_for_it),
        WITH_RIG(a_region_may_begin_anywhere_in_its_file),
        WITH_RIG(a_region_may_be_for_more_rings_than_there_are),
        WITH_RIG(what_does_not_fit_is_refused),
        WITH_RIG(a_region_that_nobody_may_write_is_refused),
        WITH_RIG(a_region_in_use_that_became_shorter_is_not_copied),
        WITH_RIG(a_region_that_somebody_holds_is_not_copied),
        WITH_RIG(what_a_process_may_still_write_is_not_copied_before_its_end),
        WITH_RIG(who_has_stopped_its_rings_may_live),
    };

    return cmocka_run_group_tests_name("frontend/convert", tests, NULL, NULL);
}
