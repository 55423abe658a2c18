/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan: what a change costs in generations, and who has which descriptor back. */
#include "cmocka_all.h"

#include "session/plan.h"

#include <errno.h>

static struct hf_plan plan;

static int set_up(void **state)
{
    (void)state;
    hf_plan_init(&plan, 3);
    return 0;
}

static const struct hf_ring_addresses somewhere = { .desc = 0x1000,
                                                    .avail = 0x2000,
                                                    .used = 0x3000 };

static struct hf_region_plan region_at(uint64_t guest, uint64_t size, int fd)
{
    return (struct hf_region_plan){ .guest_address = guest, .size_bytes = size, .fd = fd };
}

static void a_new_plan_wants_nothing_and_holds_no_descriptor(void **state)
{
    (void)state;
    assert_false(plan.run);
    assert_int_equal(plan.features_generation, 0);
    assert_int_equal(plan.memory_generation, 0);
    assert_int_equal(plan.inflight.fd, -1);
    assert_int_equal(plan.log.fd, -1);
    for (unsigned i = 0; i < HF_QUEUE_COUNT_MAX; i++)
        assert_int_equal(plan.rings[i].kick_fd & plan.rings[i].call_fd & plan.rings[i].err_fd, -1);
}

static void the_same_descriptor_again_is_a_change(void **state)
{
    (void)state;
    assert_int_equal(hf_plan_set_kick(&plan, 1, 7), -1);
    uint64_t before = hf_plan_ring_generation(&plan, 1);
    assert_int_equal(hf_plan_set_kick(&plan, 1, 7), 7);
    assert_true(hf_plan_ring_generation(&plan, 1) > before);
}

static void another_call_does_not_restart_the_ring(void **state)
{
    (void)state;
    hf_plan_set_ring(&plan, 1, 8, &somewhere, 0);
    uint64_t before = hf_plan_ring_generation(&plan, 1);
    assert_int_equal(hf_plan_set_call(&plan, 1, 9), -1);
    assert_int_equal(hf_plan_ring_generation(&plan, 1), before);
    assert_true(plan.rings[1].call_generation > before);
}

static void bits_that_are_not_the_guests_are_dropped(void **state)
{
    (void)state;
    hf_plan_set_features(&plan, UINT64_MAX);
    assert_int_equal(plan.features & (HF_FEATURE(LOG_ALL) | HF_FEATURE(PROTOCOL_FEATURES)), 0);
}

static void the_same_features_again_change_nothing(void **state)
{
    (void)state;
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1));
    uint64_t before = hf_plan_ring_generation(&plan, 0);
    hf_plan_set_features(&plan, HF_FEATURE(VERSION_1));
    assert_int_equal(hf_plan_ring_generation(&plan, 0), before);
    hf_plan_set_features(&plan, 0);
    assert_true(hf_plan_ring_generation(&plan, 0) > before);
}

static void a_region_ends_where_each_of_its_addresses_can_end(void **state)
{
    const struct hf_region_plan whole = region_at(0x1000, 0x1000, 5);
    struct hf_region_plan parts[] = { whole, whole, whole };

    (void)state;
    assert_true(hf_plan_region_is_sane(&whole));
    parts[0].guest_address = parts[1].user_address = parts[2].mmap_offset = UINT64_MAX - 0x1000;
    for (unsigned i = 0; i < 3; i++)
        assert_true(hf_plan_region_is_sane(&parts[i]));
    parts[0].guest_address = parts[1].user_address = parts[2].mmap_offset = UINT64_MAX - 0xfff;
    for (unsigned i = 0; i < 3; i++)
        assert_false(hf_plan_region_is_sane(&parts[i]));
}

static void regions_are_judged_before_they_are_taken(void **state)
{
    struct hf_region_plan first = region_at(0x1000, 0x1000, 5), inside = region_at(0x1fff, 1, 6),
                          behind = region_at(0x2000, 0x1000, 6), empty = region_at(0x9000, 0, 6),
                          endless = region_at(UINT64_MAX - 10, 20, 6);

    (void)state;
    assert_int_equal(hf_plan_add_region(&plan, &first), 0);
    assert_int_equal(hf_plan_add_region(&plan, &inside), -EEXIST);
    assert_int_equal(hf_plan_add_region(&plan, &empty), -EINVAL);
    assert_int_equal(hf_plan_add_region(&plan, &endless), -EINVAL);
    assert_int_equal(hf_plan_add_region(&plan, &behind), 0);
    assert_int_equal(plan.region_count, 2);
    assert_int_equal(hf_plan_remove_region(&plan, 0x1000, 0x999), -ENOENT);
    assert_int_equal(hf_plan_remove_region(&plan, 0x1000, 0x1000), 5);
    assert_int_equal(plan.region_count, 1);
}

static void a_slot_used_again_has_another_generation(void **state)
{
    struct hf_region_plan region = region_at(0x1000, 0x1000, 5);

    (void)state;
    assert_int_equal(hf_plan_add_region(&plan, &region), 0);
    uint64_t before = plan.regions[0].generation;
    assert_int_equal(hf_plan_remove_region(&plan, 0x1000, 0x1000), 5);
    assert_int_equal(plan.regions[0].generation, 0);
    assert_int_equal(hf_plan_add_region(&plan, &region), 0);
    assert_true(plan.regions[0].generation > before);
    assert_int_equal(plan.region_slots, 1);
}

static void there_are_only_so_many_slots(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HF_REGION_COUNT_MAX; i++) {
        struct hf_region_plan region = region_at((uint64_t)i * 0x1000, 0x1000, (int)i);

        assert_int_equal(hf_plan_add_region(&plan, &region), 0);
    }
    struct hf_region_plan surplus = region_at(UINT64_C(1) << 40, 0x1000, 3);
    assert_int_equal(hf_plan_add_region(&plan, &surplus), -ENOSPC);
}

static void an_inflight_region_holds_the_rings_and_ends_in_a_file(void **state)
{
    const struct hf_inflight_plan whole = {
        .mmap_size = 3 * (16 + 16 * 128), .queue_count = 3, .queue_size = 128, .fd = 5
    };
    struct hf_inflight_plan other = whole;

    (void)state;
    assert_true(hf_plan_inflight_is_sane(&whole, 3, 128));
    assert_true(hf_plan_inflight_is_sane(&whole, 1, 8));
    assert_false(hf_plan_inflight_is_sane(&whole, 4, 128));
    assert_false(hf_plan_inflight_is_sane(&whole, 3, 129));
    other.mmap_offset = INT64_MAX - whole.mmap_size;
    assert_true(hf_plan_inflight_is_sane(&other, 3, 128));
    other.mmap_offset++;
    assert_false(hf_plan_inflight_is_sane(&other, 3, 128));
    other.mmap_offset = UINT64_MAX;
    assert_false(hf_plan_inflight_is_sane(&other, 3, 128));
}

static void an_epoch_takes_its_region_with_it(void **state)
{
    (void)state;
    assert_int_equal(hf_plan_set_inflight(&plan, &(struct hf_inflight_plan){ .fd = 12 }), -1);
    plan.promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    uint64_t epoch = plan.epoch, ring = hf_plan_ring_generation(&plan, 0);
    assert_int_equal(hf_plan_end_epoch(&plan), 12);
    assert_int_equal(plan.inflight.fd, -1);
    assert_int_equal(plan.inflight.generation, 0);
    assert_int_equal(plan.promise.protocol_features, 0);
    assert_int_equal(plan.epoch, epoch + 1);
    assert_true(hf_plan_ring_generation(&plan, 0) > ring); /* no ring runs on with the old one */
    assert_int_equal(hf_plan_end_epoch(&plan), -1);
}

static void what_must_track_must_in_the_next_epoch_too(void **state)
{
    (void)state;
    plan.must_track = true;
    plan.promise.protocol_features = HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD);
    hf_plan_end_epoch(&plan);
    assert_int_equal(plan.promise.protocol_features, HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD));
}

static void only_switching_the_log_toggles_the_flags(void **state)
{
    (void)state;
    assert_int_equal(hf_plan_set_log(&plan, 4096, 0, 20), -1);
    uint64_t toggled = plan.log.toggle_generation;
    assert_true(toggled != 0);
    assert_int_equal(hf_plan_set_log(&plan, 8192, 0, 21), 20);
    assert_int_equal(plan.log.toggle_generation, toggled);
    assert_true(plan.log.generation > toggled);
    assert_int_equal(hf_plan_set_log(&plan, 0, 0, -1), 21);
    assert_true(plan.log.toggle_generation > toggled);
    assert_int_equal(plan.log.generation, 0);
}

/* Ring 0 ran as it is, ring 1 was laid out anew since, ring 2 never ran. */
static void settling_moves_the_base_of_rings_that_ran_as_they_are(void **state)
{
    const uint16_t bases[3] = { 100, 200, 300 };

    (void)state;
    for (uint16_t i = 0; i < 3; i++)
        hf_plan_set_ring(&plan, i, 8, &somewhere, (uint16_t)(i + 1));
    plan.rings[0].ran = plan.rings[0].layout_generation;
    plan.rings[1].ran = plan.rings[1].layout_generation;
    hf_plan_set_ring(&plan, 1, 4, &somewhere, 50);
    plan.settle_owed = true;
    assert_true(hf_plan_any_ran(&plan));
    hf_plan_settle(&plan, bases, NULL);
    assert_int_equal(plan.rings[0].base, 100);
    assert_int_equal(plan.rings[1].base, 50);
    assert_int_equal(plan.rings[2].base, 3);
    assert_false(hf_plan_any_ran(&plan));
    assert_false(plan.settle_owed);
}

static void another_kick_leaves_the_layout_as_it_is(void **state)
{
    (void)state;
    hf_plan_set_ring(&plan, 0, 8, &somewhere, 0);
    plan.rings[0].ran = plan.rings[0].layout_generation;
    hf_plan_set_kick(&plan, 0, 5);
    assert_true(hf_plan_ring_is_same(&plan, 0));
    hf_plan_set_ring(&plan, 0, 8, &somewhere, 0);
    assert_false(hf_plan_ring_is_same(&plan, 0));
}

#define FRESH(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_new_plan_wants_nothing_and_holds_no_descriptor),
        FRESH(the_same_descriptor_again_is_a_change),
        FRESH(another_call_does_not_restart_the_ring),
        FRESH(bits_that_are_not_the_guests_are_dropped),
        FRESH(the_same_features_again_change_nothing),
        FRESH(a_region_ends_where_each_of_its_addresses_can_end),
        FRESH(regions_are_judged_before_they_are_taken),
        FRESH(a_slot_used_again_has_another_generation),
        FRESH(there_are_only_so_many_slots),
        FRESH(an_inflight_region_holds_the_rings_and_ends_in_a_file),
        FRESH(an_epoch_takes_its_region_with_it),
        FRESH(what_must_track_must_in_the_next_epoch_too),
        FRESH(only_switching_the_log_toggles_the_flags),
        FRESH(settling_moves_the_base_of_rings_that_ran_as_they_are),
        FRESH(another_kick_leaves_the_layout_as_it_is),
    };

    return cmocka_run_group_tests_name("session/plan", tests, NULL, NULL);
}
