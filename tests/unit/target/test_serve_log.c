/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/target/serve_log.c: which pages of the guest are marked, when, and in which log. The linker
 * sends each marking of a request by way of this test (--wrap), which looks at the guest then.
 */
#include "rig.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE      HF_DIRTY_PAGE_BYTES
#define MOVED     UINT64_C(0x10000000) /* another guest address of the same memory */
#define LOG_BYTES ((RIG_GUEST_BASE + MOVED) / PAGE / 8 + 1024)

static uint8_t bits[2][LOG_BYTES]; /* two of them: a log can be replaced */

/* ---- the order, seen from within the worker ---- */

static struct rig *watched;
static atomic_uint looked;
static atomic_uint answered_early; /* the used index was out before the marks */
static atomic_uint marked_early;   /* the marks were there before the response */

void real_mark(const struct hf_dirty_log *log, const struct hf_memory *memory,
               struct hf_spans spans, uint64_t size_bytes) __asm__("__real_hf_dirty_mark_spans");
void wrapped_mark(const struct hf_dirty_log *log, const struct hf_memory *memory,
                  struct hf_spans spans, uint64_t size_bytes) __asm__("__wrap_hf_dirty_mark_spans");

void wrapped_mark(const struct hf_dirty_log *log, const struct hf_memory *memory,
                  struct hf_spans spans, uint64_t size_bytes)
{
    const uint8_t *response = spans.at[0].iov_base;

    if (watched) {
        looked++;
        answered_early += hf_ring_used_index(&watched->rings[2].ring) != 0;
        marked_early += response[11] == 0xee; /* the last byte of the response's head */
    }
    real_mark(log, memory, spans, size_bytes);
}

/* ---- the log ---- */

static uint64_t used_address(const struct rig *rig, unsigned queue)
{
    return RIG_GUEST_BASE + (uint64_t)((uint8_t *)rig->rings[queue].ring.used - rig->guest);
}

static struct hf_queue_log log_of(const struct rig *rig, unsigned queue, unsigned which)
{
    return (struct hf_queue_log){ .log = { bits[which], LOG_BYTES },
                                  .used_ring = true,
                                  .used_ring_address = used_address(rig, queue) };
}

/* As it must be while a worker may mark: it asks for kicks when it comes to it. */
static void clear(unsigned which)
{
    for (size_t i = 0; i < LOG_BYTES; i++)
        __atomic_store_n(&bits[which][i], 0, __ATOMIC_RELEASE);
}

static void take_log(struct rig *rig, unsigned queue, unsigned which)
{
    struct hf_queue_log log = log_of(rig, queue, which);
    struct rig_answer answer;

    hf_queue_set_log(rig->nexus.queues[queue], &log, rig_reply(&answer));
    rig_wait_answer(rig, &answer);
}

static void give_log(struct rig *rig, unsigned queue, unsigned which)
{
    take_log(rig, queue, which);
    clear(which);
}

static bool is_marked(unsigned which, uint64_t guest_address)
{
    uint64_t page = guest_address / PAGE;

    return (__atomic_load_n(&bits[which][page / 8], __ATOMIC_ACQUIRE) >> page % 8 & 1) != 0;
}

/* From a place of this slot on: so many pages, and neither the one before nor the one behind. */
static void assert_pages(unsigned which, unsigned slot, uint32_t offset, unsigned count)
{
    uint64_t first = RIG_GUEST_BASE + (uint64_t)slot * RIG_SLOT_BYTES + offset;

    assert_false(is_marked(which, first - PAGE));
    for (unsigned i = 0; i < count; i++)
        assert_true(is_marked(which, first + (uint64_t)i * PAGE));
    assert_false(is_marked(which, first + (uint64_t)count * PAGE));
}

static unsigned marked_count(unsigned which)
{
    unsigned count = 0;

    for (uint64_t i = 0; i < 8 * LOG_BYTES; i++)
        count += is_marked(which, i * PAGE);
    return count;
}

/* Rings lie on pages of their own, and so do slots. */
static void assert_ring_marked(const struct rig *rig, unsigned which, unsigned queue)
{
    assert_true(is_marked(which, used_address(rig, queue)));
}

/* ---- what is marked ---- */

static void a_read_marks_its_data_and_response_and_a_write_its_response(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 16);

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    rig_post(&rig, 2, &call, 3, &command);
    rig_wait(&rig, &call);
    assert_pages(0, 3, 0, 1 + 2); /* slot: a page with the response, then 8 KiB of data */
    assert_ring_marked(&rig, 0, 2);
    assert_int_equal(marked_count(0), 4);
    command = rig_write(0, 16, false);
    give_log(&rig, 2, 0);
    rig_post(&rig, 2, &call, 5, &command);
    rig_wait(&rig, &call);
    assert_pages(0, 5, 0, 1);
    assert_int_equal(marked_count(0), 2);
    rig_done(&rig);
}

static void an_answer_of_values_marks_what_it_fills(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_inquiry();

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    command.data_offset = PAGE - 10; /* over a border */
    rig_post(&rig, 2, &call, 3, &command);
    rig_wait(&rig, &call);
    rig_assert_good(&call);
    assert_pages(0, 3, 0, 1 + 2);
    rig_done(&rig);
}

static void a_read_that_fails_may_have_written_all_the_same(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 16);

    (void)state;
    rig_serve(&rig, "fault:error-after=1,mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    rig_post(&rig, 2, &call, 3, &command);
    rig_wait(&rig, &call);
    assert_int_equal(call.response.status, HF_STATUS_CHECK_CONDITION);
    assert_pages(0, 3, 0, 1 + 2);
    rig_done(&rig);
}

static void a_control_response_is_marked(void **state)
{
    struct rig rig;
    struct rig_call call;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 4);
    give_log(&rig, 0, 0);
    rig_post_task(&rig, &call, 7, 5, 0); /* LOGICAL UNIT RESET */
    rig_wait(&rig, &call);
    assert_pages(0, 7, 0, 1);
    assert_ring_marked(&rig, 0, 0);
    rig_done(&rig);
}

static void marks_come_behind_the_data_and_before_the_used_index(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 16);

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    watched = &rig;
    rig_post(&rig, 2, &call, 3, &command);
    rig_wait(&rig, &call);
    watched = NULL;
    assert_int_equal(looked, 1);
    assert_int_equal(answered_early, 0);
    assert_int_equal(marked_early, 0);
    rig_done(&rig);
}

/* ---- changes under way ---- */

static void a_log_that_comes_later_has_what_was_begun_before(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 16);

    (void)state;
    rig_serve(&rig, "fault:delay=500ms,mem:1M", 1, 4);
    rig_post(&rig, 2, &call, 3, &command);
    clear(0);
    take_log(&rig, 2, 0);
    assert_false(call.done);
    rig_wait(&rig, &call);
    assert_pages(0, 3, 0, 1 + 2);
    assert_ring_marked(&rig, 0, 2);
    rig_done(&rig);
}

static void a_log_that_was_replaced_is_touched_no_more(void **state)
{
    struct rig rig;
    struct rig_call call;
    struct rig_command command = rig_read(0, 16);

    (void)state;
    rig_serve(&rig, "fault:delay=500ms,mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    rig_post(&rig, 2, &call, 3, &command);
    take_log(&rig, 2, 1);          /* on a slow machine it is marked by now */
    memset(bits[0], 0, LOG_BYTES); /* or else a race */
    rig_wait(&rig, &call);
    assert_int_equal(marked_count(0), 0);
    assert_pages(1, 3, 0, 1 + 2);
    rig_done(&rig);
}

static void a_log_that_begins_marks_the_whole_used_ring(void **state)
{
    struct rig rig;
    struct hf_queue_log log;
    struct rig_answer answer;

    (void)state;
    rig_serve(&rig, "mem:1M", 1, 4);
    clear(0);
    log = log_of(&rig, 2, 0);
    log.used_ring_address = RIG_GUEST_BASE + PAGE - 1; /* wherever that is */
    hf_queue_set_log(rig.nexus.queues[2], &log, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_pages(0, 0, 0, 2);
    log.used_ring = false;
    clear(0);
    hf_queue_set_log(rig.nexus.queues[2], &log, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_int_equal(marked_count(0), 0);
    rig_done(&rig);
}

/* The memory moves in the guest under a request; its spans were made by the old table. */
static void a_request_of_the_old_memory_is_marked_where_that_was(void **state)
{
    static struct hf_memory next;
    struct rig rig;
    struct rig_call call;
    struct rig_answer answer;
    struct rig_command command = rig_read(0, 16);
    struct hf_memory_region region;

    (void)state;
    rig_serve(&rig, "fault:delay=50ms,mem:1M", 1, 4);
    give_log(&rig, 2, 0);
    region = rig.memory.regions[0];
    region.guest_address += MOVED;
    hf_memory_init(&next);
    assert_int_equal(hf_memory_add(&next, &region), HF_MEMORY_FAULT_NONE);
    rig_post(&rig, 2, &call, 3, &command);
    hf_queue_set_enabled(rig.nexus.queues[2], true, rig_reply(&answer)); /* fetched by then */
    rig_wait_answer(&rig, &answer);
    hf_queue_set_memory(rig.nexus.queues[2], &next, &rig.rings[2].ring, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    rig_wait(&rig, &call);
    assert_pages(0, 3, 0, 1 + 2);
    assert_false(is_marked(0, RIG_GUEST_BASE + MOVED + 3 * RIG_SLOT_BYTES));
    rig_done(&rig);
}

/* ---- after a crash ---- */

/* What is offered on the ring was fetched by somebody who died. */
static void leave_in_flight(struct rig *rig, unsigned queue)
{
    struct rig_ring *ring = &rig->rings[queue];
    struct hf_inflight_queue inflight;

    hf_ring_driver_publish(&ring->driver);
    assert_int_equal(hf_inflight_region_queue(&rig->region, (uint16_t)queue, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    inflight.header->version = 1;
    inflight.header->desc_num = RIG_SIZE;
    for (uint16_t i = 0; i < hf_ring_avail_index(&ring->ring); i++)
        hf_inflight_mark(&inflight, ring->ring.avail->ring[i], 1 + i);
}

/* Two reads and a write; all that may have been written to, nothing else. */
static void leave_three(struct rig *rig, unsigned queue, struct rig_call *calls)
{
    struct rig_command commands[3] = { rig_read(0, 16), rig_read(16, 8), rig_write(64, 8, false) };

    rig_make(rig, "mem:1M", 1);
    clear(0);
    for (unsigned i = 0; i < 3; i++)
        rig_add(rig, queue, &calls[i], 3 + 2 * i, &commands[i]);
    leave_in_flight(rig, queue);
}

static void assert_three_marked(const struct rig *rig, unsigned queue)
{
    assert_pages(0, 3, 0, 1 + 2);
    assert_pages(0, 5, 0, 1 + 1);
    assert_pages(0, 7, 0, 1);
    assert_ring_marked(rig, 0, queue);
    assert_int_equal(marked_count(0), 3 + 2 + 1 + 1);
}

static void what_was_found_in_flight_is_marked_before_it_runs(void **state)
{
    struct rig rig;
    struct rig_call calls[3];
    struct rig_answer answer;
    struct hf_queue_log log;

    (void)state;
    leave_three(&rig, 2, calls);
    log = log_of(&rig, 2, 0);
    rig.log = &log;
    rig_start(&rig, 2, false, &answer);
    assert_int_equal(answer.answer.replayed, 3);
    assert_three_marked(&rig, 2);
    assert_int_equal(hf_ring_used_index(&rig.rings[2].ring), 0);
    hf_queue_set_enabled(rig.nexus.queues[2], true, rig_reply(&answer));
    rig_wait(&rig, &calls[2]);
    rig_assert_good(&calls[0]);
    assert_three_marked(&rig, 2);
    rig_done(&rig);
}

/* QEMU's order, when it starts in the middle of a migration. */
static void a_log_that_comes_behind_the_start_has_what_was_in_flight(void **state)
{
    struct rig rig;
    struct rig_call calls[3];
    struct rig_answer answer;
    struct hf_queue_log log;

    (void)state;
    leave_three(&rig, 2, calls);
    rig_start(&rig, 2, false, &answer);
    assert_int_equal(marked_count(0), 0);
    log = log_of(&rig, 2, 0);
    hf_queue_set_log(rig.nexus.queues[2], &log, rig_reply(&answer));
    rig_wait_answer(&rig, &answer);
    assert_three_marked(&rig, 2);
    rig_done(&rig);
}

/* Ours are never in flight; another back-end's may be, and it may have filled them. */
static void event_buffers_that_were_in_flight_are_marked(void **state)
{
    struct rig rig;
    struct rig_call calls[3];
    struct rig_answer answer;
    struct hf_queue_log log;

    (void)state;
    leave_three(&rig, 1, calls);
    log = log_of(&rig, 1, 0);
    rig.log = &log;
    rig_start(&rig, 1, true, &answer);
    assert_int_equal(answer.answer.replayed, 0);
    assert_three_marked(&rig, 1);
    rig_done(&rig);
}

/* ---- a migration ---- */

#define MOVES      3000u
#define LANES      24u
#define FULL_WRITE 112u /* blocks that fit a slot */

/* Where the guest goes: a file, written by a system call that ThreadSanitizer does not know, since
 * pages are copied while they change. */
static void copy_marked_pages(const struct rig *rig, int destination)
{
    size_t first = RIG_GUEST_BASE / PAGE / 8;

    for (size_t i = 0; i * 8 * PAGE < rig->guest_bytes; i++) {
        unsigned taken = __atomic_exchange_n(&bits[0][first + i], 0, __ATOMIC_ACQ_REL);
        for (unsigned bit = 0; bit < 8; bit++) {
            size_t at = (i * 8 + bit) * PAGE;
            if (taken >> bit & 1)
                assert_int_equal(
                    syscall(SYS_pwrite64, destination, rig->guest + at, PAGE, (off_t)at), PAGE);
        }
    }
}

static void fill_unit(struct rig *rig)
{
    for (unsigned i = 0; i < 2048 / FULL_WRITE; i++) {
        struct rig_command command = rig_write(i * FULL_WRITE, FULL_WRITE, false);
        struct rig_call call;

        pattern_fill(rig_data(rig, 0, &command), command.data_out, i);
        rig_run(rig, &call, &command);
        rig_assert_good(&call);
    }
}

static void read_on_all_queues(struct rig *rig, int destination)
{
    static struct rig_call calls[LANES];
    uint32_t seed = 1;

    for (unsigned i = 0; i < MOVES; i++) {
        struct rig_call *call = &calls[i % LANES];

        if (i >= LANES)
            rig_wait(rig, call);
        seed = seed * 1103515245 + 12345;
        struct rig_command command = rig_read(seed >> 16 & 1023, 1 + (seed >> 8) % FULL_WRITE);
        command.data_offset = seed >> 20 & 1023;
        rig_post(rig, 2 + i % 4, call, 1 + i % LANES, &command);
        if (i % 3 == 0)
            copy_marked_pages(rig, destination);
    }
    for (unsigned i = 0; i < LANES; i++)
        rig_wait(rig, &calls[i]);
}

static void assert_arrived(const struct rig *rig, const uint8_t *there, const void *at,
                           size_t length)
{
    assert_memory_equal(there + ((const uint8_t *)at - rig->guest), at, length);
}

/* What the device alone writes is the same here and there, once all is still. */
static void nothing_is_lost_on_the_way_of_a_machine_that_runs(void **state)
{
    struct rig rig;
    struct rig_answer answer;
    int destination = memfd_create("destination", MFD_CLOEXEC);

    (void)state;
    rig_serve(&rig, "mem:1M", 2, RIG_QUEUES);
    fill_unit(&rig);
    assert_int_equal(ftruncate(destination, (off_t)rig.guest_bytes), 0);
    clear(0);
    for (unsigned queue = 2; queue < RIG_QUEUES; queue++)
        take_log(&rig, queue, 0);
    read_on_all_queues(&rig, destination);
    for (unsigned queue = 2; queue < RIG_QUEUES; queue++)
        rig_stop(&rig, queue, &answer);
    copy_marked_pages(&rig, destination);
    uint8_t *there = mmap(NULL, rig.guest_bytes, PROT_READ, MAP_SHARED, destination, 0);
    assert_ptr_not_equal(there, MAP_FAILED);
    for (unsigned slot = 1; slot <= LANES; slot++)
        assert_arrived(&rig, there, rig.guest + (size_t)slot * RIG_SLOT_BYTES + 512,
                       RIG_SLOT_BYTES - 512);
    for (unsigned queue = 2; queue < RIG_QUEUES; queue++)
        assert_arrived(&rig, there, rig.rings[queue].ring.used, hf_ring_used_bytes(RIG_SIZE));
    munmap(there, rig.guest_bytes);
    close(destination);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_marks_its_data_and_response_and_a_write_its_response),
        cmocka_unit_test(an_answer_of_values_marks_what_it_fills),
        cmocka_unit_test(a_read_that_fails_may_have_written_all_the_same),
        cmocka_unit_test(a_control_response_is_marked),
        cmocka_unit_test(marks_come_behind_the_data_and_before_the_used_index),
        cmocka_unit_test(a_log_that_comes_later_has_what_was_begun_before),
        cmocka_unit_test(a_log_that_was_replaced_is_touched_no_more),
        cmocka_unit_test(a_log_that_begins_marks_the_whole_used_ring),
        cmocka_unit_test(a_request_of_the_old_memory_is_marked_where_that_was),
        cmocka_unit_test(what_was_found_in_flight_is_marked_before_it_runs),
        cmocka_unit_test(a_log_that_comes_behind_the_start_has_what_was_in_flight),
        cmocka_unit_test(event_buffers_that_were_in_flight_are_marked),
        cmocka_unit_test(nothing_is_lost_on_the_way_of_a_machine_that_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
