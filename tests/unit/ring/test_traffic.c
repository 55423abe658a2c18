/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driver and device talk for more than two turns of the 16-bit indices: chains cut anyhow, direct
 * and indirect, across regions, answered in any order and in batches; each side sleeps only when
 * the ring says it may, and wakes only when the other one is told to wake it. A lost kick or call
 * is a standstill. Now and then the device is replaced by a new one.
 */
#include "rig.h"

#define SIZE     32u
#define REQUESTS 140000u
#define AREAS    56u /* of 512 bytes: readable at 0, writable at 128, indirect table at 256 */
#define PIECES   4u

struct talk {
    struct rig *rig;
    uint32_t seed;
    uint32_t posted;
    uint32_t answered;
    uint32_t expected[AREAS]; /* bytes of the request in this area; 0: free */
    uint16_t taken[SIZE];
    uint16_t taken_count;
    bool driver_awake;
    bool device_awake;
    unsigned driver_sleeps, device_sleeps, indirect, restarts;
};

/* The 32nd area lies across the border of the regions, inside its writable part. */
static uint64_t area_address(uint32_t area)
{
    return RIG_DATA_GUEST + 320 + area * 512u;
}

static uint8_t byte_of(uint32_t area, uint32_t offset)
{
    return (uint8_t)(area * 37u + offset * 11u + 1u);
}

/* Cuts length bytes into PIECES segments; some are empty. */
static void cut(struct talk *talk, struct hf_ring_segment *segments, uint64_t address,
                uint32_t length)
{
    for (unsigned i = 0; i < PIECES; i++) {
        uint32_t piece = i + 1 < PIECES ? rig_random(&talk->seed) % (length + 1) : length;
        segments[i] = (struct hf_ring_segment){ address, piece };
        address += piece;
        length -= piece;
    }
}

static void fill(struct talk *talk, uint32_t area, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        *(uint8_t *)rig_at(talk->rig, area_address(area) + i) = byte_of(area, i);
        *(uint8_t *)rig_at(talk->rig, area_address(area) + 128 + i) = 0;
    }
}

static void post(struct talk *talk)
{
    uint32_t dice = rig_random(&talk->seed);
    uint32_t area = dice % AREAS;
    uint32_t length = 1 + (dice >> 8) % 110;
    struct hf_ring_segment segments[2 * PIECES];
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = PIECES,
                                              .writable_count = PIECES,
                                              .cookie = &talk->expected[area] };

    if (talk->expected[area] != 0 || talk->posted == REQUESTS)
        return;
    cut(talk, segments, area_address(area), length);
    cut(talk, segments + PIECES, area_address(area) + 128, length);
    if (dice >> 30 != 0) {
        request.indirect = rig_at(talk->rig, area_address(area) + 256);
        request.indirect_address = area_address(area) + 256;
        talk->indirect++;
    }
    fill(talk, area, length);
    if (!hf_ring_driver_add(&talk->rig->driver, &request, NULL))
        return;
    talk->expected[area] = length;
    talk->posted++;
}

static void check_answer(struct talk *talk, const struct hf_ring_driver_completion *completion)
{
    uint32_t *expected = completion->cookie;
    uint32_t area = (uint32_t)(expected - talk->expected);

    assert_int_equal(completion->length, *expected);
    assert_int_equal(completion->writable_bytes, *expected);
    for (uint32_t i = 0; i < *expected; i++)
        assert_int_equal(*(uint8_t *)rig_at(talk->rig, area_address(area) + 128 + i),
                         (uint8_t)~byte_of(area, i));
    *expected = 0;
    talk->answered++;
}

static void driver_runs(struct talk *talk)
{
    struct hf_ring_driver *driver = &talk->rig->driver;
    struct hf_ring_driver_completion completion;

    if (rig_random(&talk->seed) % 4 == 0)
        hf_ring_driver_disable_call(driver);
    while (hf_ring_driver_take(driver, &completion))
        check_answer(talk, &completion);
    assert_int_equal(driver->fault, HF_RING_FAULT_NONE);
    for (uint32_t i = rig_random(&talk->seed) % 6; i > 0; i--)
        post(talk);
    hf_ring_driver_publish(driver);
    if (hf_ring_driver_kick_needed(driver))
        talk->device_awake = true;
    if (driver->outstanding_count != 0 && !hf_ring_driver_enable_call(driver)) {
        talk->driver_awake = false;
        talk->driver_sleeps++;
    }
}

static uint8_t *byte_in(const struct hf_span *spans, uint64_t offset)
{
    while (offset >= spans->length)
        offset -= spans++->length;
    return (uint8_t *)spans->base + offset;
}

static uint32_t execute(struct talk *talk, uint16_t head)
{
    struct hf_ring_chain *chain = &talk->rig->chain;

    assert_int_equal(rig_walk(talk->rig, head), HF_RING_FAULT_NONE);
    assert_int_equal(chain->readable_bytes, chain->writable_bytes);
    for (uint64_t i = 0; i < chain->readable_bytes; i++)
        *byte_in(hf_ring_chain_writable(chain), i) =
            (uint8_t) ~*byte_in(hf_ring_chain_readable(chain), i);
    return (uint32_t)chain->writable_bytes;
}

static void answer_some(struct talk *talk)
{
    struct hf_used_element batch[SIZE];
    uint16_t count = (uint16_t)(rig_random(&talk->seed) % (talk->taken_count + 1u));

    for (uint16_t i = 0; i < count; i++) {
        uint16_t pick = (uint16_t)(rig_random(&talk->seed) % talk->taken_count);
        uint16_t head = talk->taken[pick];
        talk->taken[pick] = talk->taken[--talk->taken_count];
        batch[i] = (struct hf_used_element){ .id = head, .length = execute(talk, head) };
    }
    hf_ring_device_complete(&talk->rig->device, batch, count);
    if (count != 0 && hf_ring_device_call_needed(&talk->rig->device))
        talk->driver_awake = true;
}

/* Everything in the device's memory is gone; kick all and call all, as after every start. */
static void replace_device(struct talk *talk)
{
    rig_start_tracked(talk->rig);
    assert_int_equal(talk->rig->recovery.count, talk->taken_count);
    for (uint16_t i = 0; i < talk->taken_count; i++)
        talk->taken[i] = talk->rig->recovery.requests[i].head;
    talk->driver_awake = talk->device_awake = true;
    talk->restarts++;
}

static void device_runs(struct talk *talk)
{
    struct hf_ring_device *device = &talk->rig->device;
    uint32_t dice = rig_random(&talk->seed);

    if (dice % 4 == 0)
        hf_ring_device_disable_kick(device);
    for (uint32_t i = dice >> 4 & 7; i > 0; i--)
        talk->taken_count += hf_ring_device_fetch(device, &talk->taken[talk->taken_count]);
    assert_int_equal(device->fault, HF_RING_FAULT_NONE);
    answer_some(talk);
    if (dice >> 8 == 0)
        replace_device(talk);
    if (talk->taken_count == 0 && !hf_ring_device_enable_kick(device)) {
        talk->device_awake = false;
        talk->device_sleeps++;
    }
}

static void talk_with(bool event_index, uint32_t seed)
{
    struct talk talk = { .rig = rig_new((struct rig_setup){ SIZE, event_index, 60000 }),
                         .seed = seed,
                         .driver_awake = true,
                         .device_awake = true };

    rig_start_tracked(talk.rig);
    for (unsigned turn = 0; talk.answered < REQUESTS; turn++) {
        assert_true(talk.driver_awake || talk.device_awake); /* else: a wake-up was lost */
        if (talk.driver_awake && (rig_random(&talk.seed) & 1 || !talk.device_awake))
            driver_runs(&talk);
        else if (talk.device_awake)
            device_runs(&talk);
        if (turn % 5000 == 0)
            replace_device(&talk);
    }
    assert_int_equal(talk.rig->ring.used->index, (uint16_t)(60000 + REQUESTS));
    assert_true(hf_inflight_clean(&talk.rig->region));
    assert_true(talk.driver_sleeps > 1000 && talk.device_sleeps > 1000);
    assert_true(talk.indirect > 1000 && talk.restarts > 10);
    rig_free(talk.rig);
}

static void nothing_is_lost_in_random_traffic_without_event_index(void **state)
{
    (void)state;
    talk_with(false, 42);
}

static void nothing_is_lost_in_random_traffic_with_event_index(void **state)
{
    (void)state;
    talk_with(true, 43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_in_random_traffic_without_event_index),
        cmocka_unit_test(nothing_is_lost_in_random_traffic_with_event_index),
    };

    return cmocka_run_group_tests_name("ring/traffic", tests, NULL, NULL);
}
