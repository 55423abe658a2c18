/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "initiator/guest.h"
#include "vscsi/event.h"

static const struct hf_guest_shape shape = {
    .queue_count = 3, .depth = 64, .segments_max = 4, .data_bytes = 100000
};

static void note(uint64_t *starts, uint64_t *ends, unsigned *count, uint64_t start, uint64_t size)
{
    starts[*count] = start;
    ends[(*count)++] = start + size;
}

static void no_two_parts_of_the_arena_share_a_byte(void **state)
{
    struct hf_guest guest;
    uint64_t starts[32];
    uint64_t ends[32];
    unsigned count = 0;

    (void)state;
    assert_int_equal(hf_guest_init(&guest, &shape, NULL), 0);
    for (unsigned set = 0; set < HF_GUEST_RING_SETS; set++) {
        for (uint16_t vring = 0; vring < 5; vring++)
            note(starts, ends, &count,
                 (uintptr_t)hf_guest_ring(&guest, set, vring, HF_INITIATOR_RING_MAX).desc,
                 hf_ring_layout_of(HF_INITIATOR_RING_MAX).size_bytes);
    }
    for (uint16_t queue = 0; queue < 3; queue++)
        note(starts, ends, &count, (uintptr_t)hf_guest_slots(&guest, queue).host,
             hf_initiator_queue_bytes(64, 4));
    note(starts, ends, &count, (uintptr_t)hf_guest_events(&guest).host,
         HF_GUEST_EVENT_COUNT * HF_VSCSI_EVENT_SIZE_BYTES);
    for (unsigned i = 0; i < count; i++) {
        assert_true(starts[i] >= (uintptr_t)guest.arena.host);
        assert_true(ends[i] <= (uintptr_t)guest.arena.host + guest.arena.size_bytes);
        for (unsigned j = 0; j < i; j++)
            assert_true(ends[i] <= starts[j] || ends[j] <= starts[i]);
    }
    hf_guest_done(&guest);
}

static void guest_addresses_follow_the_host_and_end_with_the_region(void **state)
{
    struct hf_guest guest;
    uint64_t address = 0;

    (void)state;
    assert_int_equal(hf_guest_init(&guest, &shape, NULL), 0);
    assert_true(hf_guest_address(&guest.data, guest.data.host + 5, 10, &address));
    assert_int_equal(address, HF_GUEST_DATA_ADDRESS + 5);
    assert_true(guest.data.size_bytes >= shape.data_bytes);
    assert_false(
        hf_guest_address(&guest.data, guest.data.host + guest.data.size_bytes - 1, 2, &address));
    assert_false(hf_guest_address(&guest.data, guest.data.host - 1, 1, &address));
    assert_false(hf_guest_address(&guest.data, guest.data.host + 1, SIZE_MAX, &address));
    hf_guest_done(&guest);
}

static void done_accepts_what_was_never_made(void **state)
{
    struct hf_guest guest = { 0 };

    (void)state;
    hf_guest_done(&guest);
    hf_guest_done(&guest);
    assert_null(guest.arena.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_two_parts_of_the_arena_share_a_byte),
        cmocka_unit_test(guest_addresses_follow_the_host_and_end_with_the_region),
        cmocka_unit_test(done_accepts_what_was_never_made),
    };

    return cmocka_run_group_tests_name("initiator/guest", tests, NULL, NULL);
}
