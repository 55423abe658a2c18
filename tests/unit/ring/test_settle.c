/* SPDX-License-Identifier: BSD-3-Clause */
/* Settling and recovering regions written by hand (tests/golden), and hostile ones. */
#include "rig.h"

#include "golden.h"

#define SIZE  4u
#define BYTES 80u

struct bench {
    uint8_t bytes[128];
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;
    struct hf_inflight_request requests[SIZE];
    struct hf_inflight_recovery recovery;
} __attribute__((aligned(64)));

static void lay_out(struct bench *bench, const char *name)
{
    memset(bench, 0, sizeof(*bench));
    assert_int_equal(golden_read(name, bench->bytes, sizeof(bench->bytes)), BYTES);
    assert_int_equal(hf_inflight_region_init(&bench->region, bench->bytes, BYTES, 1),
                     HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(hf_inflight_region_queue(&bench->region, 0, SIZE, &bench->queue),
                     HF_INFLIGHT_FAULT_NONE);
    bench->recovery.requests = bench->requests;
}

struct story {
    const char *before;
    const char *after;
    struct hf_inflight_ring ring;
    uint16_t count;
    uint16_t heads[SIZE]; /* in the order of replay */
    uint16_t last_avail;
    uint64_t counter;
};

static const struct story stories[] = {
    { "inflight-fresh", "inflight-fresh-settled", { SIZE, 7, 9 }, 0, { 0 }, 7, 1 },
    { "inflight-fresh-settled", "inflight-fresh-settled", { SIZE, 7, 9 }, 0, { 0 }, 7, 1 },
    { "inflight-holes", "inflight-holes", { SIZE, 5, 8 }, 2, { 3, 0 }, 7, 13 },
    { "inflight-linked", "inflight-linked", { SIZE, 5, 8 }, 3, { 2, 1, 0 }, 8, 9 },
    { "inflight-linked", "inflight-linked-settled", { SIZE, 7, 8 }, 1, { 0 }, 8, 9 },
    { "inflight-half-cleared", "inflight-half-cleared-settled", { SIZE, 8, 9 }, 1, { 2 }, 9, 21 },
    { "inflight-wrap", "inflight-wrap-settled", { SIZE, 1, 4 }, 2, { 2, 3 }, 3, 0x100000001 },
};

static void tell(const struct story *story, void (*check)(const struct story *, struct bench *))
{
    struct bench bench;

    lay_out(&bench, story->before);
    check(story, &bench);
}

static void assert_after(const struct story *story, const struct bench *bench)
{
    uint8_t after[BYTES];

    golden_read(story->after, after, sizeof(after));
    assert_memory_equal(bench->bytes, after, BYTES);
}

static void check_settling(const struct story *story, struct bench *bench)
{
    uint16_t count = 99;

    for (unsigned i = 0; i < 3; i++) { /* again and again: the same */
        assert_int_equal(hf_inflight_settle(&bench->region, &story->ring, &count, NULL),
                         HF_INFLIGHT_FAULT_NONE);
        assert_int_equal(count, story->count);
        assert_after(story, bench);
    }
}

static void check_recovery(const struct story *story, struct bench *bench)
{
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(hf_inflight_recover(&bench->queue, &story->ring, &bench->recovery),
                         HF_INFLIGHT_FAULT_NONE);
        assert_int_equal(bench->recovery.count, story->count);
        for (uint16_t i = 0; i < story->count; i++)
            assert_int_equal(bench->requests[i].head, story->heads[i]);
        assert_int_equal(bench->recovery.last_avail, story->last_avail);
        assert_int_equal(bench->recovery.counter, story->counter);
        assert_after(story, bench);
    }
}

static void the_front_end_settles_every_story_and_settling_again_changes_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        tell(&stories[i], check_settling);
}

static void the_device_recovers_every_story_in_the_order_of_fetching(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        tell(&stories[i], check_recovery);
}

static void settling_at_the_front_end_hides_nothing_from_the_device(void **state)
{
    struct bench bench;
    uint16_t count;

    (void)state;
    for (unsigned i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        lay_out(&bench, stories[i].before);
        hf_inflight_settle(&bench.region, &stories[i].ring, &count, NULL);
        check_recovery(&stories[i], &bench);
    }
}

struct lie {
    const char *name;
    uint16_t offset;
    uint8_t value;
    enum hf_inflight_fault fault;
};

/* Each is one byte changed in the half-cleared region (batch 0, 3, 1; head 2 in flight). */
static const struct lie lies[] = {
    { "features", 0, 1, HF_INFLIGHT_FAULT_FEATURES },
    { "features, last byte", 7, 0x80, HF_INFLIGHT_FAULT_FEATURES },
    { "version 2", 8, 2, HF_INFLIGHT_FAULT_VERSION },
    { "version in the upper byte", 9, 1, HF_INFLIGHT_FAULT_VERSION },
    { "version 0 with marks", 8, 0, HF_INFLIGHT_FAULT_VERSION },
    { "desc_num too small", 10, 3, HF_INFLIGHT_FAULT_DESC_NUM },
    { "desc_num 0", 10, 0, HF_INFLIGHT_FAULT_DESC_NUM },
    { "desc_num more than the stride holds", 10, 5, HF_INFLIGHT_FAULT_DESC_NUM },
    { "desc_num huge", 11, 0xff, HF_INFLIGHT_FAULT_DESC_NUM },
    { "last_batch_head outside", 12, 4, HF_INFLIGHT_FAULT_LINK },
    { "last_batch_head far outside", 13, 0xff, HF_INFLIGHT_FAULT_LINK },
    { "used_idx one too old", 14, 3, HF_INFLIGHT_FAULT_USED_IDX },
    { "used_idx ahead of the ring", 14, 9, HF_INFLIGHT_FAULT_USED_IDX },
    { "next outside", 16 + 16 + 6, 4, HF_INFLIGHT_FAULT_LINK },
    { "next far outside", 16 + 16 + 7, 0xff, HF_INFLIGHT_FAULT_LINK },
    { "next to itself", 16 + 16 + 6, 1, HF_INFLIGHT_FAULT_LINK },
    { "next in a circle of two", 16 + 48 + 6, 1, HF_INFLIGHT_FAULT_LINK },
    { "counter impossible", 16 + 32 + 15, 0x80, HF_INFLIGHT_FAULT_COUNTER },
};

static void every_field_can_lie_and_is_refused_by_name_without_a_change(void **state)
{
    const struct hf_inflight_ring ring = { SIZE, 8, 9 };
    struct bench bench;
    uint8_t before[BYTES];
    uint16_t count;
    uint16_t bad_queue = 99;

    (void)state;
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lay_out(&bench, "inflight-half-cleared");
        bench.bytes[lies[i].offset] = lies[i].value;
        memcpy(before, bench.bytes, BYTES);
        if (hf_inflight_settle(&bench.region, &ring, &count, &bad_queue) != lies[i].fault)
            fail_msg("%s: not refused as it should be", lies[i].name);
        assert_int_equal(bad_queue, 0);
        assert_int_equal(hf_inflight_recover(&bench.queue, &ring, &bench.recovery), lies[i].fault);
        assert_memory_equal(before, bench.bytes, BYTES);
    }
}

static void a_mark_in_the_batch_is_settled_whatever_its_counter_says(void **state)
{
    const struct hf_inflight_ring ring = { SIZE, 8, 9 };
    struct bench bench;
    uint16_t count;

    (void)state;
    lay_out(&bench, "inflight-half-cleared");
    memset(bench.bytes + 16 + 16 + 8, 0xff, 8); /* head 1 */
    assert_int_equal(hf_inflight_settle(&bench.region, &ring, &count, NULL),
                     HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(count, 1);
}

/* As a queue is left whose answers were not recorded. */
static void where_nothing_is_marked_the_ring_may_be_ahead_by_any_number(void **state)
{
    struct bench bench;
    uint16_t count;

    (void)state;
    for (uint32_t used = 0; used <= UINT16_MAX; used += 3) {
        const struct hf_inflight_ring ring = { SIZE, (uint16_t)used, (uint16_t)(used + 1) };
        lay_out(&bench, "inflight-fresh-settled");
        assert_int_equal(hf_inflight_settle(&bench.region, &ring, &count, NULL),
                         HF_INFLIGHT_FAULT_NONE);
        assert_int_equal(count, 0);
        assert_int_equal(bench.queue.header->used_idx, used);
    }
}

static void a_mark_is_whatever_is_not_0(void **state)
{
    struct bench bench;

    (void)state;
    for (unsigned value = 1; value < 256; value++) {
        lay_out(&bench, "inflight-holes");
        bench.bytes[16] = (uint8_t)value;
        bench.bytes[16 + 48] = (uint8_t)(256 - value);
        assert_int_equal(hf_inflight_recover(&bench.queue, &stories[2].ring, &bench.recovery),
                         HF_INFLIGHT_FAULT_NONE);
        assert_int_equal(bench.recovery.count, 2);
        assert_int_equal(bench.requests[0].head, 3);
    }
}

static void more_in_flight_than_were_made_available_are_refused(void **state)
{
    static const struct {
        uint16_t used, avail;
        enum hf_inflight_fault fault;
    } cases[] = {
        { 5, 8, HF_INFLIGHT_FAULT_NONE },
        { 5, 7, HF_INFLIGHT_FAULT_TOO_MANY },
        { 5, 5, HF_INFLIGHT_FAULT_TOO_MANY },
    };
    struct bench bench;
    uint16_t count;

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hf_inflight_ring ring = { SIZE, cases[i].used, cases[i].avail };
        lay_out(&bench, "inflight-linked");
        assert_int_equal(hf_inflight_settle(&bench.region, &ring, &count, NULL), cases[i].fault);
    }
}

static void a_mark_on_a_head_outside_of_a_smaller_ring_is_refused(void **state)
{
    struct hf_inflight_ring ring = { 2, 5, 7 };
    struct bench bench;
    uint16_t count;

    (void)state;
    lay_out(&bench, "inflight-holes");
    bench.bytes[12] = 0; /* last_batch_head */
    assert_int_equal(hf_inflight_settle(&bench.region, &ring, &count, NULL),
                     HF_INFLIGHT_FAULT_HEAD);
    bench.bytes[16 + 48] = 0; /* head 3: no longer marked; desc_num above the ring size is legal */
    assert_int_equal(hf_inflight_settle(&bench.region, &ring, &count, NULL),
                     HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(count, 1);
}

static void a_fresh_header_keeps_a_desc_num_that_the_back_end_has_set(void **state)
{
    uint8_t bytes[16 + 16 * 8] __attribute__((aligned(8))) = { [10] = 8 };
    struct hf_inflight_ring ring = { 4, 3, 3 };
    struct hf_inflight_region region;
    uint16_t count;

    (void)state;
    hf_inflight_region_init(&region, bytes, sizeof(bytes), 1);
    assert_int_equal(hf_inflight_settle(&region, &ring, &count, NULL), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(bytes[8], 1);
    assert_int_equal(bytes[10], 8);
    assert_int_equal(bytes[14], 3);
}

/* The content of golden/inflight-two-queues. */
struct pair {
    uint8_t bytes[256] __attribute__((aligned(8)));
    struct hf_inflight_region region;
    uint16_t counts[2];
    uint16_t bad_queue;
};

static void lay_out_two(struct pair *pair)
{
    golden_read("inflight-two-queues", pair->bytes, sizeof(pair->bytes));
    hf_inflight_region_init(&pair->region, pair->bytes, sizeof(pair->bytes), 2);
    pair->bad_queue = 99;
}

static enum hf_inflight_fault settle_two(struct pair *pair, const struct hf_inflight_ring *rings)
{
    return hf_inflight_settle(&pair->region, rings, pair->counts, &pair->bad_queue);
}

static void two_queues_are_settled_each_by_its_own_ring(void **state)
{
    struct hf_inflight_ring rings[2] = { { 4, 2, 4 }, { 4, 1, 3 } };
    struct pair pair;

    (void)state;
    lay_out_two(&pair);
    assert_int_equal(settle_two(&pair, rings), HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(pair.counts[0], 1);
    assert_int_equal(pair.counts[1], 1);
    assert_int_equal(pair.bytes[128 + 14], 1);
    rings[1].avail_index = 1;
    assert_int_equal(settle_two(&pair, rings), HF_INFLIGHT_FAULT_TOO_MANY);
    assert_int_equal(pair.bad_queue, 1);
}

static void a_queue_without_room_for_its_ring_is_named_and_nothing_is_changed(void **state)
{
    struct hf_inflight_ring rings[2] = { { 0, 0, 0 }, { 8, 1, 3 } };
    uint8_t before[256];
    struct pair pair;

    (void)state;
    lay_out_two(&pair);
    memcpy(before, pair.bytes, sizeof(before));
    assert_int_equal(settle_two(&pair, rings), HF_INFLIGHT_FAULT_STRIDE);
    assert_int_equal(pair.bad_queue, 1);
    assert_int_equal(pair.counts[1], 0);
    assert_memory_equal(pair.bytes, before, sizeof(before));
}

static void the_queue_of_a_ring_that_is_not_set_up_is_left_alone(void **state)
{
    struct hf_inflight_ring rings[2] = { { 0, 0, 0 }, { 4, 1, 3 } };
    struct pair pair;

    (void)state;
    lay_out_two(&pair);
    memset(pair.bytes, 0xff, 80);
    assert_int_equal(hf_inflight_settle(&pair.region, rings, pair.counts, NULL),
                     HF_INFLIGHT_FAULT_NONE);
    assert_int_equal(pair.counts[0], 0);
    assert_int_equal(pair.bytes[0], 0xff);
}

/* Full rings in random orders: sorted by counter, nothing missing, ties by head. */
static void a_thousand_marks_come_back_sorted(void **state)
{
    struct rig *rig = rig_new((struct rig_setup){ .size = 1024 });
    uint32_t seed = 77;

    (void)state;
    for (unsigned round = 1; round < 40; round++) {
        rig_start_tracked(rig);
        for (uint16_t i = 0; i < 1024; i++)
            hf_inflight_mark(&rig->queue, i, rig_random(&seed) % (round * round));
        rig->ring.avail->index = 1024;
        rig_start_tracked(rig);
        assert_int_equal(rig->recovery.count, 1024);
        for (uint16_t i = 1; i < 1024; i++) {
            struct hf_inflight_request *pair = &rig->recovery.requests[i - 1];
            assert_true(pair[0].counter < pair[1].counter ||
                        (pair[0].counter == pair[1].counter && pair[0].head < pair[1].head));
            assert_int_equal(rig->queue.entries[pair[1].head].counter, pair[1].counter);
        }
        rig->ring.avail->index = 0;
        memset(rig->region_bytes, 0, rig->region_size_bytes);
    }
    rig_free(rig);
}

/* Whatever the bytes are, it ends, stays inside, and what it accepts it accepts again. */
static void random_regions_are_judged_and_judged_the_same_again(void **state)
{
    struct bench bench;
    uint32_t seed = 4711;
    unsigned accepted = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        lay_out(&bench, "inflight-half-cleared");
        for (unsigned i = rig_random(&seed) % 4; i-- > 0;)
            bench.bytes[rig_random(&seed) % BYTES] = (uint8_t)(rig_random(&seed) % 5);
        struct hf_inflight_ring ring = { SIZE, (uint16_t)(5 + rig_random(&seed) % 5), 9 };
        if (hf_inflight_recover(&bench.queue, &ring, &bench.recovery) != HF_INFLIGHT_FAULT_NONE)
            continue;
        accepted++;
        uint16_t count = bench.recovery.count;
        uint16_t marked = hf_inflight_count(&bench.queue);
        assert_int_equal(marked, count);
        assert_int_equal(hf_inflight_recover(&bench.queue, &ring, &bench.recovery),
                         HF_INFLIGHT_FAULT_NONE);
        assert_int_equal(bench.recovery.count, count);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_front_end_settles_every_story_and_settling_again_changes_nothing),
        cmocka_unit_test(the_device_recovers_every_story_in_the_order_of_fetching),
        cmocka_unit_test(settling_at_the_front_end_hides_nothing_from_the_device),
        cmocka_unit_test(every_field_can_lie_and_is_refused_by_name_without_a_change),
        cmocka_unit_test(a_mark_in_the_batch_is_settled_whatever_its_counter_says),
        cmocka_unit_test(where_nothing_is_marked_the_ring_may_be_ahead_by_any_number),
        cmocka_unit_test(a_mark_is_whatever_is_not_0),
        cmocka_unit_test(more_in_flight_than_were_made_available_are_refused),
        cmocka_unit_test(a_mark_on_a_head_outside_of_a_smaller_ring_is_refused),
        cmocka_unit_test(a_fresh_header_keeps_a_desc_num_that_the_back_end_has_set),
        cmocka_unit_test(two_queues_are_settled_each_by_its_own_ring),
        cmocka_unit_test(a_queue_without_room_for_its_ring_is_named_and_nothing_is_changed),
        cmocka_unit_test(the_queue_of_a_ring_that_is_not_set_up_is_left_alone),
        cmocka_unit_test(a_thousand_marks_come_back_sorted),
        cmocka_unit_test(random_regions_are_judged_and_judged_the_same_again),
    };

    return cmocka_run_group_tests_name("ring/settle", tests, NULL, NULL);
}
