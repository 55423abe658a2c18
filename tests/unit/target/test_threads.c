/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole target and its front-ends' drivers in one process, on one mapping of the guest's memory,
 * under load, while rings stop, rest and start, memory goes and comes, sessions and the target end.
 * With ThreadSanitizer (make tsan) every handover between them is looked at; without it, nothing is
 * lost and no data is wrong. Each story with both engines of the workers: io_uring, and threads
 * (argument "threads"), whose access to the guest's memory ThreadSanitizer sees.
 */
#include "../cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

#include "one_mapping.h"
#include "ring/driver.h"
#include "threads_driver.h"
#include "threads_front.h"
#include "threads_target.h"
#include "vscsi/control.h"
#include "vscsi/lun.h"
#include "vscsi/request.h"

#define ROUNDS      24u
#define SOME        15u /* answers, so that everything is in full swing */
#define TASK_LANE   (FRONT_LANES - 1)
#define PATIENCE_MS 20000u

/* A front-end and its guest. */
struct machine {
    struct front front;
    struct driver drivers[2];
};

/* Not on the stack: the threads of a story that fails go on. */
static struct threads_target target;
static struct machine first;
static struct machine second;
static bool is_running;

static void wait_for_some(struct machine *machine)
{
    driver_wait_answers(&machine->drivers[0], SOME);
    driver_wait_answers(&machine->drivers[1], SOME);
}

static void start_machine(struct machine *machine, uint64_t number)
{
    front_init(&machine->front, target.socket_path, number);
    machine->front.unit_count = target.options.unit_count;
    driver_start(&machine->drivers[0], &machine->front, 0);
    driver_start(&machine->drivers[1], &machine->front, 1);
    front_connect(&machine->front);
    front_start_all(&machine->front);
    assert_true(one_mapping_shared() >= 2); /* the target sees memory and extra memory here too */
    wait_for_some(machine);
}

static void stop_machine(struct machine *machine)
{
    driver_stop(&machine->drivers[0]);
    driver_stop(&machine->drivers[1]);
    front_leave(&machine->front);
    front_done(&machine->front);
}

static void park(struct machine *machine)
{
    driver_park(&machine->drivers[0]);
    driver_park(&machine->drivers[1]);
}

static void unpark(struct machine *machine)
{
    driver_unpark(&machine->drivers[0]);
    driver_unpark(&machine->drivers[1]);
}

static void begin(bool durable)
{
    if (is_running)
        fail_msg("an earlier story has failed, and its threads run");
    is_running = true;
    threads_target_init(&target, durable);
    threads_target_start(&target);
    start_machine(&first, 0);
}

static void end(void)
{
    stop_machine(&first);
    assert_int_equal(threads_target_stop(&target), 0);
    threads_target_done(&target);
    assert_int_equal(one_mapping_shared(), 0);
    is_running = false;
}

/* ---- stories ---- */

static void a_ring_pauses_and_resumes_under_load(void **state)
{
    (void)state;
    begin(false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned vring = 2 + round % THREADS_QUEUES;
        uint16_t base = front_stop_ring(&first.front, vring);

        assert_int_equal(base, hf_ring_used_index(&first.front.rings[vring]));
        front_start_ring(&first.front, vring, base);
        wait_for_some(&first);
    }
    end();
}

static void a_ring_rests_and_goes_on_under_load(void **state)
{
    (void)state;
    begin(false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned vring = 2 + round % THREADS_QUEUES;

        front_enable(&first.front, vring, false);
        front_renew_call(&first.front, vring);
        front_enable(&first.front, vring, true);
        front_renew_call(&first.front, (vring + 1) % FRONT_VRINGS);
        wait_for_some(&first);
    }
    end();
}

/* What is acknowledged nobody in the target touches any more: else our touch is a race. */
static void memory_goes_and_comes_under_load(void **state)
{
    (void)state;
    begin(false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        driver_leave_extra(&first.drivers[0]);
        driver_leave_extra(&first.drivers[1]);
        if (round % 2 == 0)
            front_remove_extra(&first.front);
        else
            front_set_table(&first.front, false);
        front_touch(&first.front.extra);
        if (round % 3 == 0)
            front_set_table(&first.front, true);
        else
            front_add_extra(&first.front);
        atomic_store(&first.drivers[0].may_use_extra, true);
        atomic_store(&first.drivers[1].may_use_extra, true);
        wait_for_some(&first);
        front_set_table(&first.front, true); /* the same again, under requests that use it */
    }
    end();
}

static void who_has_stopped_all_rings_is_alone_with_the_memory(void **state)
{
    (void)state;
    begin(false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        park(&first);
        for (unsigned i = 0; i < FRONT_VRINGS; i++)
            front_stop_ring(&first.front, i);
        front_touch(&first.front.memory);
        front_touch(&first.front.extra);
        front_start_all(&first.front);
        unpark(&first);
        wait_for_some(&first);
    }
    end();
}

static void who_has_left_is_alone_with_the_memory_while_another_goes_on(void **state)
{
    (void)state;
    begin(false);
    start_machine(&second, 1);
    for (unsigned round = 0; round < ROUNDS / 2; round++) {
        front_leave(&second.front);
        driver_wait_answers(&first.drivers[0], SOME);
        front_connect(&second.front); /* ThreadSanitizer knows answers, and no end of file */
        park(&second);
        front_touch(&second.front.memory);
        front_touch(&second.front.extra);
        front_start_all(&second.front);
        unpark(&second);
        wait_for_some(&second);
    }
    stop_machine(&second);
    end();
}

static void a_target_ends_under_load_and_the_next_one_goes_on(void **state)
{
    (void)state;
    begin(true);
    for (unsigned round = 0; round < ROUNDS / 4; round++) {
        assert_int_equal(threads_target_stop(&target), 0);
        front_wait_end(&first.front);
        park(&first);
        front_touch(&first.front.memory);
        front_touch(&first.front.extra);
        unpark(&first);
        threads_target_start(&target);
        front_connect(&first.front);
        front_start_all(&first.front);
        wait_for_some(&first);
    }
    end();
}

/* ---- dirty log ---- */

static int map_log(struct hf_mapping *log)
{
    struct hf_error error = { 0 };
    int fd = hf_region_create("log", FRONT_LOG_BYTES);

    assert_true(fd >= 0);
    assert_int_equal(hf_mapping_init(log, fd, 0, FRONT_LOG_BYTES, &error), 0);
    return fd;
}

/* As a front-end that migrates does it, while bits are set. */
static unsigned take_bits(const struct hf_mapping *log)
{
    unsigned count = 0;

    for (size_t i = 0; i < FRONT_LOG_BYTES; i += sizeof(uint64_t)) {
        uint64_t *word = (uint64_t *)(void *)(log->start + i);
        count += (unsigned)__builtin_popcountll(__atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL));
    }
    return count;
}

/* What is acknowledged to be out of use is written to by us alone: else our touch is a race. */
static void a_log_comes_goes_and_is_replaced_under_load(void **state)
{
    struct hf_mapping logs[2];
    int fds[2] = { map_log(&logs[0]), map_log(&logs[1]) };

    (void)state;
    begin(false);
    for (unsigned round = 0; round < ROUNDS; round++) {
        front_set_log(&first.front, fds[0], FRONT_LOG_BYTES);
        front_switch_log(&first.front, true);
        wait_for_some(&first);
        assert_true(take_bits(&logs[0]) > 0);
        front_set_log(&first.front, fds[1], FRONT_LOG_BYTES);
        front_touch(&logs[0]);
        wait_for_some(&first);
        assert_true(take_bits(&logs[1]) > 0);
        front_set_table(&first.front, true); /* requests of the old table are marked by it */
        wait_for_some(&first);
        front_switch_log(&first.front, false);
        front_touch(&logs[1]);
    }
    end();
    for (unsigned i = 0; i < 2; i++) {
        hf_mapping_done(&logs[i]);
        close(fds[i]);
    }
}

/* ---- task management ---- */

static void post_reset(struct hf_ring_driver *driver, uint8_t unit)
{
    const uint64_t one = 1;
    uint64_t at = FRONT_MEMORY_GUEST + TASK_LANE * FRONT_LANE_BYTES;
    uint8_t *bytes = first.front.memory.start + TASK_LANE * FRONT_LANE_BYTES;
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_TMF,
                                        .subtype = HF_VSCSI_TMF_LOGICAL_UNIT_RESET };
    struct hf_ring_segment segments[2] = { { at, HF_VSCSI_TMF_SIZE_BYTES }, { at + 512, 1 } };
    struct hf_ring_driver_request request = {
        .segments = segments, .readable_count = 1, .writable_count = 1, .cookie = driver
    };

    hf_vscsi_lun_encode(unit, 0, control.lun);
    hf_vscsi_tmf_encode(&control, bytes);
    bytes[512] = 0xee;
    assert_true(hf_ring_driver_add(driver, &request, NULL));
    hf_ring_driver_publish(driver);
    if (hf_ring_driver_kick_needed(driver))
        assert_int_equal(write(first.front.kick[0], &one, sizeof(one)), sizeof(one));
}

static void reset_unit(struct hf_ring_driver *driver, uint8_t unit)
{
    struct hf_ring_driver_completion completion;

    post_reset(driver, unit);
    for (unsigned waited = 0; !hf_ring_driver_take(driver, &completion); waited++) {
        assert_true(waited < PATIENCE_MS);
        usleep(1000);
    }
    assert_int_equal(first.front.memory.start[TASK_LANE * FRONT_LANE_BYTES + 512], HF_VSCSI_OK);
}

static void a_unit_is_reset_under_load(void **state)
{
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot slots[FRONT_RING_SIZE];

    (void)state;
    begin(false);
    front_stop_ring(&first.front, 0);
    hf_ring_driver_init(&driver, &first.front.rings[0], slots, true);
    front_start_ring(&first.front, 0, 0);
    atomic_store(&first.drivers[0].may_be_reset, true);
    atomic_store(&first.drivers[1].may_be_reset, true);
    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        reset_unit(&driver, (uint8_t)(round % target.options.unit_count));
        driver_wait_answers(&first.drivers[round % 2], SOME);
    }
    assert_true(atomic_load(&first.drivers[0].resets) > 0);
    end();
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_pauses_and_resumes_under_load),
        cmocka_unit_test(a_ring_rests_and_goes_on_under_load),
        cmocka_unit_test(memory_goes_and_comes_under_load),
        cmocka_unit_test(who_has_stopped_all_rings_is_alone_with_the_memory),
        cmocka_unit_test(who_has_left_is_alone_with_the_memory_while_another_goes_on),
        cmocka_unit_test(a_target_ends_under_load_and_the_next_one_goes_on),
        cmocka_unit_test(a_log_comes_goes_and_is_replaced_under_load),
        cmocka_unit_test(a_unit_is_reset_under_load),
    };

    threads_target_avoids_io_uring = count > 1 && strcmp(words[1], "threads") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
