/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Our own front-end, device and initiator in one thread, a whole target in others, one process and
 * one mapping of the guest's memory: the target ends under load and listens again, over and over.
 * For ThreadSanitizer; and nothing is lost. With both engines of the workers (argument "threads").
 */
#include "../cmocka_all.h"

#include <stdatomic.h>
#include <unistd.h>

#include "initiator/initiator.h"
#include "one_mapping.h"
#include "os/clock.h"
#include "os/loop.h"
#include "scsi/cdb.h"
#include "threads_target.h"

#define LANES       16u
#define BLOCKS      8u
#define DATA_BYTES  (BLOCKS * 512u)
#define DATA_WORDS  (DATA_BYTES / sizeof(uint32_t))
#define RESTARTS    5u
#define LEAST       200u /* requests between two ends of the target */
#define PATIENCE_NS (60 * HF_NS_PER_S)

struct guest;

/* Writes a generation of its own blocks, reads it back, and again. */
struct lane {
    struct hf_initiator_request request; /* first: what comes back */
    struct guest *guest;
    struct iovec iov;
    uint32_t *data;
    unsigned number;
    uint32_t generation;
    bool reading;
};

struct guest {
    struct hf_loop loop;
    struct hf_initiator *initiator;
    struct lane lanes[LANES];
    unsigned failures;
    unsigned starts;
    bool ends;
    bool is_over; /* it ends, and nothing is out */
    atomic_uint answered;
    atomic_bool may_end;
};

static struct threads_target target;
static struct guest guest;

static uint32_t word_of(const struct lane *lane, uint32_t index)
{
    return lane->generation * 2654435761u + lane->number * 40503u + index;
}

static void submit(struct lane *lane)
{
    uint64_t block = (uint64_t)lane->number * BLOCKS;

    for (uint32_t i = 0; i < DATA_WORDS; i++)
        lane->data[i] = lane->reading ? 0xdeadbeef : word_of(lane, i);
    lane->request.target = (uint8_t)(lane->number % 2);
    lane->request.direction = lane->reading ? HF_DIRECTION_IN : HF_DIRECTION_OUT;
    if (lane->reading)
        hf_cdb_read(lane->request.cdb, block, BLOCKS);
    else
        hf_cdb_write(lane->request.cdb, block, BLOCKS, false);
    uint16_t queue = (uint16_t)((lane->number + lane->reading) % THREADS_QUEUES);
    lane->guest->failures +=
        hf_initiator_submit(lane->guest->initiator, queue, &lane->request) != 0;
}

static void done(struct hf_initiator_request *request, const struct hf_initiator_result *result)
{
    struct lane *lane = (struct lane *)request;

    lane->guest->failures += !hf_initiator_good(result);
    for (uint32_t i = 0; lane->reading && i < DATA_WORDS; i++)
        lane->guest->failures += lane->data[i] != word_of(lane, i);
    lane->generation += lane->reading;
    lane->reading = !lane->reading;
    atomic_fetch_add_explicit(&lane->guest->answered, 1, memory_order_relaxed);
    lane->guest->ends |= atomic_load(&lane->guest->may_end);
    if (!lane->guest->ends)
        submit(lane);
    else
        lane->guest->is_over = hf_initiator_outstanding(lane->guest->initiator) == 0;
}

static void hear(void *host, const struct hf_device_event *event)
{
    (void)host;
    guest.starts += event->kind == HF_DEVICE_EVENT_STARTED;
}

static void hear_fault(void *host, uint16_t queue, enum hf_ring_fault fault)
{
    (void)host;
    (void)queue;
    (void)fault;
    guest.failures++;
}

/* More than can have been answered by a target that has ended since. */
static void see_answers(void)
{
    unsigned before = atomic_load_explicit(&guest.answered, memory_order_relaxed);

    while (atomic_load_explicit(&guest.answered, memory_order_relaxed) - before < LEAST)
        usleep(1000);
}

/* A thread of its own; cmocka's assertions belong to the other one. */
static void *end_and_begin(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < RESTARTS; i++) {
        see_answers();
        threads_target_stop(&target);
        threads_target_start(&target);
    }
    see_answers();
    atomic_store(&guest.may_end, true);
    return NULL;
}

static void start_guest(void)
{
    static const struct hf_initiator_ops ops = { .device_event = hear, .ring_fault = hear_fault };
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + PATIENCE_NS, .patient = true };
    struct hf_error error = { 0 };

    memset(&guest, 0, sizeof(guest));
    assert_int_equal(hf_loop_init(&guest.loop), 0);
    config.socket_path = target.socket_path;
    config.queue_count = THREADS_QUEUES;
    config.buffer_size = (size_t)LANES * DATA_BYTES;
    assert_int_equal(hf_initiator_new(&guest.initiator, &config, &guest.loop, &ops, &error), 0);
    if (hf_initiator_connect(guest.initiator, &wait, &error) < 0 ||
        hf_initiator_start(guest.initiator, &wait, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(hf_initiator_recovery(guest.initiator), HF_RECOVERY_INFLIGHT);
    assert_int_equal(one_mapping_shared(), 2); /* rings and data */
}

static void start_lane(unsigned number)
{
    struct lane *lane = &guest.lanes[number];
    uint8_t *data = (uint8_t *)hf_initiator_buffer(guest.initiator) + number * DATA_BYTES;

    *lane = (struct lane){ .guest = &guest, .number = number, .data = (uint32_t *)(void *)data };
    lane->iov = (struct iovec){ data, DATA_BYTES };
    lane->request.iov = &lane->iov;
    lane->request.iov_count = 1;
    lane->request.done = done;
    submit(lane);
}

static void the_initiator_goes_on_when_the_target_ends_and_comes_back(void **state)
{
    struct hf_error error = { 0 };
    pthread_t thread;

    (void)state;
    threads_target_init(&target, true);
    threads_target_start(&target);
    start_guest();
    for (unsigned i = 0; i < LANES; i++)
        start_lane(i);
    hf_initiator_push(guest.initiator);
    assert_int_equal(pthread_create(&thread, NULL, end_and_begin, NULL), 0);
    if (hf_initiator_finish(guest.initiator, &guest.is_over, hf_clock_ns() + PATIENCE_NS, &error))
        fail_msg("%s", error.text);
    pthread_join(thread, NULL);
    assert_int_equal(guest.failures, 0);
    assert_int_equal(guest.starts, RESTARTS + 1);
    hf_initiator_free(guest.initiator);
    hf_loop_done(&guest.loop);
    assert_int_equal(threads_target_stop(&target), 0);
    threads_target_done(&target);
    assert_int_equal(one_mapping_shared(), 0);
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_initiator_goes_on_when_the_target_ends_and_comes_back),
    };

    threads_target_avoids_io_uring = count > 1 && strcmp(words[1], "threads") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
