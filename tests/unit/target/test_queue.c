/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/queue.c, serve.c: orders to a running queue, and guests that break their rings. */
#include "rig.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static void post_reads(struct rig *rig, unsigned queue, struct rig_call *calls, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct rig_command command = rig_read(i, 1);

        rig_add(rig, queue, &calls[i], 10 + i, &command);
    }
    rig_kick(rig, queue);
}

static void a_stop_drains_and_answers_the_used_index(void **state)
{
    struct rig rig;
    struct rig_call calls[20];
    struct rig_answer answer;

    (void)state;
    rig_serve(&rig, "fault:delay=30ms,mem:1M", 1, 3);
    post_reads(&rig, 2, calls, 20);
    usleep(5000);
    rig_stop(&rig, 2, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_true(answer.answer.settled);
    assert_int_equal(answer.answer.base, 20);
    assert_int_equal(answer.answer.stats.requests, 20);
    assert_int_equal(answer.answer.stats.bytes_read, 20 * 512);
    assert_true(hf_inflight_clean(&rig.region));
    rig_poll(&rig);
    for (unsigned i = 0; i < 20; i++)
        rig_assert_good(&calls[i]);
    assert_null(rig.nexus.queues[2]);
    rig_done(&rig);
}

static void a_stopped_queue_starts_again_and_finds_what_was_posted_meanwhile(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    struct rig_answer answer;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    rig_run(&rig, &call, &command);
    rig_stop(&rig, 2, &answer);
    rig_add(&rig, 2, &call, 1, &command);
    hf_ring_driver_publish(&rig.rings[2].driver); /* no kick */
    rig_start(&rig, 2, true, &answer);
    assert_int_equal(answer.answer.replayed, 0);
    rig_wait(&rig, &call);
    rig_assert_good(&call);
    rig_done(&rig);
}

static void an_abandoned_queue_publishes_nothing_more(void **state)
{
    struct rig rig;
    struct rig_call calls[20];
    struct rig_answer answer;
    struct hf_inflight_queue inflight;

    (void)state;
    rig_serve(&rig, "fault:delay=10s,mem:1M", 1, 3);
    post_reads(&rig, 2, calls, 20);
    usleep(20000);
    hf_queue_abandon(rig.nexus.queues[2], rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_int_equal(hf_ring_used_index(&rig.rings[2].ring), 0);
    assert_int_equal(hf_inflight_region_queue(&rig.region, 2, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(hf_inflight_count(&inflight), 20);
    rig_done(&rig);
}

static void an_abandon_overtakes_a_stop(void **state)
{
    struct rig rig;
    struct rig_call calls[4];
    struct rig_answer stop;
    struct rig_answer abandon;

    (void)state;
    rig_serve(&rig, "fault:hang-after=1,mem:1M", 1, 3);
    post_reads(&rig, 2, calls, 4);
    usleep(5000);
    hf_queue_stop(rig.nexus.queues[2], rig_reply(&stop));
    usleep(5000);
    hf_queue_abandon(rig.nexus.queues[2], rig_reply(&abandon));
    rig_wait_answer(&rig, &abandon);
    assert_true(stop.here);
    assert_int_equal(stop.answer.result, -ECANCELED);
    assert_null(rig.nexus.queues[2]);
    rig_done(&rig);
}

static void an_abandon_right_behind_a_stop_overtakes_it_too(void **state)
{
    struct rig rig;
    struct rig_answer stop;
    struct rig_answer abandon;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    hf_queue_stop(rig.nexus.queues[2], rig_reply(&stop));
    usleep(20000); /* the worker is done with it, its answer waits */
    hf_queue_abandon(rig.nexus.queues[2], rig_reply(&abandon));
    rig_wait_answer(&rig, &abandon);
    assert_true(stop.here);
    assert_int_equal(stop.answer.result, -ECANCELED); /* the queue ends once, with the abandon */
    assert_null(rig.nexus.queues[2]);
    rig_done(&rig);
}

static void a_disabled_ring_does_nothing_until_enabled(void **state)
{
    struct rig rig;
    struct rig_call calls[3];
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 1);
    rig_start(&rig, 2, false, &answer);
    post_reads(&rig, 2, calls, 3);
    usleep(20000);
    assert_int_equal(rig_poll(&rig), 0);
    hf_queue_set_enabled(rig.nexus.queues[2], true, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    rig_wait(&rig, &calls[2]);
    rig_assert_good(&calls[0]);
    rig_done(&rig);
}

static bool is_rung(int fd)
{
    eventfd_t value;

    return eventfd_read(fd, &value) == 0;
}

static void a_new_call_fd_is_rung_once_at_the_switch(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    hf_queue_set_call(rig.nexus.queues[2], dup(fd), rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_true(is_rung(fd));
    rig_run(&rig, &call, &command);
    usleep(5000);
    assert_true(is_rung(fd));
    assert_false(is_rung(rig.rings[2].call));
    rig_done(&rig);
    close(fd);
}

static void one_order_of_each_kind_may_be_under_way(void **state)
{
    struct rig rig;
    struct rig_answer answers[6];
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    struct hf_queue *queue;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 3);
    queue = rig.nexus.queues[2];
    for (unsigned round = 0; round < 100; round++) {
        hf_queue_set_enabled(queue, true, rig_reply(&answers[0]));
        hf_queue_set_call(queue, dup(rig.rings[2].call), rig_reply(&answers[1]));
        hf_queue_set_enabled(queue, false, rig_reply(&answers[2]));
        hf_queue_set_err(queue, eventfd(0, EFD_CLOEXEC), rig_reply(&answers[3]));
        hf_queue_set_memory(queue, &rig.memory, &rig.rings[2].ring, rig_reply(&answers[4]));
        for (unsigned i = 0; i < 5; i++)
            rig_wait_answer(&rig, &answers[i]);
        hf_queue_set_enabled(queue, true, rig_reply(&answers[5]));
        rig_wait_answer(&rig, &answers[5]);
        rig_run(&rig, &call, &command);
        rig_assert_good(&call);
    }
    hf_queue_set_call(queue, dup(rig.rings[2].call), rig_reply(&answers[0]));
    rig_stop(&rig, 2, &answers[1]);
    assert_true(answers[0].here);
    rig_done(&rig);
}

/* The guest's memory seen at another place, as after SET_MEM_TABLE. */
static void *alias(struct rig *rig, struct hf_memory *memory)
{
    struct hf_memory_region region = rig->memory.regions[0];
    void *other = mremap(rig->guest, 0, rig->guest_bytes, MREMAP_MAYMOVE);

    assert_ptr_not_equal(other, MAP_FAILED);
    hf_memory_init(memory);
    region.host = other;
    assert_int_equal(hf_memory_add(memory, &region), HF_MEMORY_FAULT_NONE);
    rig->other = other;
    return other;
}

static struct hf_ring ring_in(const struct rig *rig, const struct hf_ring *ring, uint8_t *other)
{
    uint8_t *desc = other + ((uint8_t *)ring->desc - rig->guest);
    uint8_t *avail = other + ((uint8_t *)ring->avail - rig->guest);
    uint8_t *used = other + ((uint8_t *)ring->used - rig->guest);
    struct hf_ring moved;

    assert_int_equal(hf_ring_init(&moved, ring->size, desc, avail, used), HF_RING_FAULT_NONE);
    return moved;
}

static void a_memory_swap_is_answered_when_nothing_refers_to_the_old_table(void **state)
{
    struct rig rig;
    struct rig_call old;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    struct rig_answer answer;
    struct hf_memory memory;
    uint64_t begin;

    (void)state;
    rig_serve(&rig, "fault:delay=100ms,mem:1M", 1, 3);
    rig_post(&rig, 2, &old, 1, &command);
    usleep(5000);
    begin = now_ms();
    uint8_t *other = alias(&rig, &memory);
    struct hf_ring ring = ring_in(&rig, &rig.rings[2].ring, other);
    hf_queue_set_memory(rig.nexus.queues[2], &memory, &ring, rig_reply(&answer));
    usleep(50000); /* it ends so much later, whoever else needs the processor */
    rig_post(&rig, 2, &call, 2, &command); /* served meanwhile, with the new table */
    rig_wait_answer(&rig, &answer);
    assert_true(now_ms() - begin >= 80);
    assert_true(old.done); /* on a slow machine the other one too */
    rig_assert_good(&old);
    rig_wait(&rig, &call);
    rig_assert_good(&call);
    rig_done(&rig);
}

static void a_table_that_only_grew_waits_for_nobody(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    struct rig_answer answer;
    struct hf_memory memory;

    (void)state;
    rig_serve(&rig, "fault:hang-after=1,mem:1M", 1, 3);
    rig_post(&rig, 2, &call, 1, &command);
    usleep(5000);
    memory = rig.memory;
    hf_queue_extend_memory(rig.nexus.queues[2], &memory, &rig.rings[2].ring, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_false(call.done);
    hf_queue_abandon(rig.nexus.queues[2], rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    rig_done(&rig);
}

static void swaps_under_load_lose_nothing(void **state)
{
    struct rig rig;
    struct hf_memory memory;
    struct rig_call calls[20];

    (void)state;
    rig_serve(&rig, "fault:reorder=4,mem:1M", 2, 4);
    uint8_t *other = alias(&rig, &memory);
    for (unsigned round = 0; round < 50; round++) {
        const struct hf_memory *table = round % 2 ? &rig.memory : &memory;
        struct hf_ring ring = ring_in(&rig, &rig.rings[3].ring, round % 2 ? rig.guest : other);
        struct rig_answer answer;

        post_reads(&rig, 3, calls, 20);
        hf_queue_set_memory(rig.nexus.queues[3], table, &ring, rig_reply(&answer));
        rig_wait_answer(&rig, &answer);
        for (unsigned i = 0; i < 20; i++) {
            rig_wait(&rig, &calls[i]);
            rig_assert_good(&calls[i]);
        }
    }
    rig_done(&rig);
}

/* ---- broken rings ---- */

static void wait_broken(struct rig *rig)
{
    uint64_t end = now_ms() + RIG_PATIENCE_MS;

    while (rig->breaks == 0) {
        assert_true(now_ms() < end);
        hf_crew_dispatch(rig->crew);
        usleep(100);
    }
}

static void assert_only_ring_2_broke(struct rig *rig)
{
    struct rig_command command = rig_read(0, 1);
    struct rig_answer answer;
    struct rig_call call;
    struct rig_call late;

    wait_broken(rig);
    rig_post(rig, 2, &late, 30, &command); /* it has stopped */
    usleep(5000);
    assert_true(rig_err_rung(rig, 2));
    assert_false(rig_err_rung(rig, 3));
    assert_true(rig->broken_text[0] != '\0');
    rig_post(rig, 3, &call, 0, &command);
    rig_wait(rig, &call);
    rig_assert_good(&call);
    rig_stop(rig, 2, &answer);
    assert_int_equal(answer.answer.result, 0);
    assert_false(late.done);
    rig_done(rig);
}

/* Whatever is in a descriptor; 0: what belongs there. */
static void assert_breaks_its_ring_only(uint64_t address, uint32_t length)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);

    rig_serve(&rig, "mem:1M", 1, 4);
    rig_add(&rig, 2, &call, 0, &command);
    for (unsigned i = 0; i < RIG_SIZE; i++) {
        struct hf_desc *desc = &rig.rings[2].ring.desc[i];

        desc->address = address != 0 ? address : desc->address;
        desc->length = length != 0 ? length : desc->length;
    }
    rig_kick(&rig, 2);
    assert_only_ring_2_broke(&rig);
}

static void a_chain_that_is_no_memory_breaks_its_ring_only(void **state)
{
    (void)state;
    assert_breaks_its_ring_only(UINT64_MAX - 100, 0);
}

static void a_short_header_breaks_its_ring_only(void **state)
{
    (void)state;
    assert_breaks_its_ring_only(0, 20);
}

static void serve_untracked(struct rig *rig, const char *words)
{
    const char *list[] = { words, NULL };

    rig_init(rig, false);
    rig_open(rig, list, 1);
    rig_start_all(rig, 4);
}

static void a_wild_available_index_breaks_its_ring_only(void **state)
{
    struct rig rig;

    (void)state;
    serve_untracked(&rig, "mem:1M");
    hf_order_release_u16(&rig.rings[2].ring.avail->index, 5000);
    assert_int_equal(eventfd_write(rig.rings[2].kick, 1), 0);
    assert_only_ring_2_broke(&rig);
}

static void the_same_head_twice_breaks_its_ring_only(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);
    struct hf_avail *avail;

    (void)state;
    serve_untracked(&rig, "fault:delay=20ms,mem:1M");
    rig_post(&rig, 2, &call, 1, &command);
    avail = rig.rings[2].ring.avail;
    hf_order_store_u16(&avail->ring[1], hf_order_load_u16(&avail->ring[0]));
    hf_order_release_u16(&avail->index, 2);
    assert_int_equal(eventfd_write(rig.rings[2].kick, 1), 0);
    assert_only_ring_2_broke(&rig);
    assert_int_equal(call.times, 1);
}

static void a_ring_without_a_kick_fd_is_polled(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 1);

    (void)state;
    rig_make(&rig, "mem:1M", 1);
    close(rig.rings[2].kick);
    rig.rings[2].kick = -1;
    rig_start_all(&rig, 3);
    /* A slow worker finds the first ones when it begins, or looks once more behind an answer. */
    for (unsigned i = 0; i < 50; i++) {
        rig_add(&rig, 2, &call, 0, &command);
        hf_ring_driver_publish(&rig.rings[2].driver);
        rig_wait(&rig, &call);
        rig_assert_good(&call);
    }
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_drains_and_answers_the_used_index),
        cmocka_unit_test(a_stopped_queue_starts_again_and_finds_what_was_posted_meanwhile),
        cmocka_unit_test(an_abandoned_queue_publishes_nothing_more),
        cmocka_unit_test(an_abandon_overtakes_a_stop),
        cmocka_unit_test(an_abandon_right_behind_a_stop_overtakes_it_too),
        cmocka_unit_test(a_disabled_ring_does_nothing_until_enabled),
        cmocka_unit_test(a_new_call_fd_is_rung_once_at_the_switch),
        cmocka_unit_test(one_order_of_each_kind_may_be_under_way),
        cmocka_unit_test(a_memory_swap_is_answered_when_nothing_refers_to_the_old_table),
        cmocka_unit_test(a_table_that_only_grew_waits_for_nobody),
        cmocka_unit_test(swaps_under_load_lose_nothing),
        cmocka_unit_test(a_chain_that_is_no_memory_breaks_its_ring_only),
        cmocka_unit_test(a_short_header_breaks_its_ring_only),
        cmocka_unit_test(a_wild_available_index_breaks_its_ring_only),
        cmocka_unit_test(the_same_head_twice_breaks_its_ring_only),
        cmocka_unit_test(a_ring_without_a_kick_fd_is_polled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
