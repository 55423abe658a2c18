/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device itself writes into a dirty log. The log may be shared: with the host, and with
 * the back-ends of other devices, which mark pages at the same moment. */
#include "../cmocka_all.h"

#include "story.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define LOG_BYTES   4096u
#define MARKED_BYTE (RIG_MEMORY / 4096 / 8) /* all rings are in its first page */
#define THEIRS      0x80u
#define RACE_NS     (300 * HF_NS_PER_MS)

struct neighbour {
    uint8_t *byte;
    bool over;
    unsigned marks;
    unsigned lost;
};

static void log_to(struct rig *rig, int fd, uint64_t offset, uint64_t size_bytes)
{
    rig_set_up_queue(rig, 0);
    int none = hf_plan_set_log(hf_frontend_plan(&rig->device->frontend), size_bytes, offset,
                               hf_fd_dup(fd));
    assert_int_equal(none, -1);
}

/* Long enough for a system call of the other. */
static bool is_all_the_while(const uint8_t *byte, uint8_t wanted)
{
    bool was = true;

    for (unsigned i = 0; i < 1000; i++)
        was &= (__atomic_load_n(byte, __ATOMIC_SEQ_CST) & THEIRS) == wanted;
    return was;
}

static void *mark_a_page_beside(void *context)
{
    struct neighbour *neighbour = context;

    while (!__atomic_load_n(&neighbour->over, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_or(neighbour->byte, THEIRS, __ATOMIC_SEQ_CST);
        neighbour->lost += !is_all_the_while(neighbour->byte, THEIRS);
        neighbour->marks++;
        __atomic_fetch_and(neighbour->byte, (uint8_t)~THEIRS, __ATOMIC_SEQ_CST);
        is_all_the_while(neighbour->byte, 0);
    }
    return NULL;
}

static void a_mark_that_comes_at_the_same_moment_stays(void **state)
{
    struct rig *rig = *state;
    int fd = hf_region_create("log", LOG_BYTES);
    struct hf_mapping log = { 0 };
    uint64_t end_ns = hf_clock_ns() + RACE_NS;
    pthread_t thread;

    assert_int_equal(hf_mapping_init(&log, fd, 0, LOG_BYTES, NULL), 0);
    log_to(rig, fd, 0, LOG_BYTES);
    struct neighbour neighbour = { .byte = log.start + MARKED_BYTE };
    assert_int_equal(pthread_create(&thread, NULL, mark_a_page_beside, &neighbour), 0);
    while (hf_clock_ns() < end_ns)
        hf_device_mark_rings(rig->device);
    __atomic_store_n(&neighbour.over, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    assert_int_not_equal(neighbour.marks, 0);
    assert_int_equal(neighbour.lost, 0);
    assert_int_equal(*neighbour.byte, 1u << RIG_MEMORY / 4096 % 8);
    hf_mapping_done(&log);
    hf_fd_close(&fd);
}

/* It was long enough when it was set. */
static void that_the_host_cut_its_log_short_is_told(void **state)
{
    struct rig *rig = *state;
    int fd = memfd_create("log", MFD_CLOEXEC);

    assert_int_equal(ftruncate(fd, MARKED_BYTE), 0);
    log_to(rig, fd, 0, LOG_BYTES);
    hf_device_mark_rings(rig->device);
    assert_int_equal(hf_region_size(fd), MARKED_BYTE);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_HOST_FAILED], 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_HOST_FAILED].error, EINVAL);
    hf_fd_close(&fd);
}

/* Memory that it does not cover was refused; but nothing is written behind it. */
static void nothing_is_marked_behind_the_log(void **state)
{
    struct rig *rig = *state;
    int fd = hf_region_create("log", LOG_BYTES);
    uint8_t byte = 0xff;

    log_to(rig, fd, 0, MARKED_BYTE);
    hf_device_mark_rings(rig->device);
    assert_int_equal(pread(fd, &byte, 1, MARKED_BYTE), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_HOST_FAILED], 0);
    hf_fd_close(&fd);
}

static void without_a_log_nothing_is_marked(void **state)
{
    struct rig *rig = *state;

    rig_set_up_queue(rig, 0);
    hf_device_mark_rings(rig->device);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_mark_that_comes_at_the_same_moment_stays),
        WITH_RIG(that_the_host_cut_its_log_short_is_told),
        WITH_RIG(nothing_is_marked_behind_the_log),
        WITH_RIG(without_a_log_nothing_is_marked),
    };

    return cmocka_run_group_tests_name("device/dirty", tests, NULL, NULL);
}
