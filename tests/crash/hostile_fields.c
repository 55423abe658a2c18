/* SPDX-License-Identifier: BSD-3-Clause */
/* The fields as tables: those there is one of, those each entry has, those each slot has. */
#include "hostile_fields.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

enum place {
    PLACE_HEADER,
    PLACE_ENTRY,
    PLACE_AVAIL,
    PLACE_USED,
};

struct field {
    const char *text;
    enum place place;
    uint8_t offset;
    uint8_t width;
};

static const struct field single[] = {
    { "features", PLACE_HEADER, offsetof(struct hf_inflight_header, features), 8 },
    { "version", PLACE_HEADER, offsetof(struct hf_inflight_header, version), 2 },
    { "desc_num", PLACE_HEADER, offsetof(struct hf_inflight_header, desc_num), 2 },
    { "last_batch_head", PLACE_HEADER, offsetof(struct hf_inflight_header, last_batch_head), 2 },
    { "used_idx", PLACE_HEADER, offsetof(struct hf_inflight_header, used_idx), 2 },
    { "avail->idx", PLACE_AVAIL, offsetof(struct hf_avail, index), 2 },
    { "used->idx", PLACE_USED, offsetof(struct hf_used, index), 2 },
    { "avail->flags", PLACE_AVAIL, offsetof(struct hf_avail, flags), 2 },
    { "used->flags", PLACE_USED, offsetof(struct hf_used, flags), 2 },
};

static const struct field of_entry[] = {
    { "inflight", PLACE_ENTRY, offsetof(struct hf_inflight_entry, inflight), 1 },
    { "padding", PLACE_ENTRY, offsetof(struct hf_inflight_entry, padding), 4 },
    { "next", PLACE_ENTRY, offsetof(struct hf_inflight_entry, next), 2 },
    { "counter", PLACE_ENTRY, offsetof(struct hf_inflight_entry, counter), 8 },
};

static const struct field of_slot = { "avail->ring", PLACE_AVAIL, offsetof(struct hf_avail, ring),
                                      2 };

/* The last five depend on where the ring stands. */
static const uint64_t values[HOSTILE_VALUES - 5] = {
    0,
    1,
    2,
    3,
    7,
    15,
    16,
    17,
    18,
    255,
    256,
    0x4000,
    32767,
    0x8000,
    0x8001,
    0xfffe,
    UINT16_MAX,
    INT64_MAX,
    INT64_MAX + UINT64_C(1),
    UINT64_MAX - 1,
    UINT64_MAX,
};
static const int16_t around_used_index[5] = { 0, -1, 1, -16, -17 };

unsigned hostile_field_count(const struct world *world)
{
    struct world copy = *world;

    return COUNT(single) + (COUNT(of_entry) + 1) * world_queue(&copy).capacity;
}

/* Which one of its kind: entry or slot. */
static struct field field_of(unsigned index, unsigned *nth)
{
    *nth = 0;
    if (index < COUNT(single))
        return single[index];
    index -= COUNT(single);
    *nth = index / (COUNT(of_entry) + 1);
    index %= COUNT(of_entry) + 1;
    return index < COUNT(of_entry) ? of_entry[index] : of_slot;
}

static uint8_t *bytes_of(struct world *world, const struct field *field, unsigned nth)
{
    struct hf_ring ring = world_ring(world);
    struct hf_inflight_queue queue = world_queue(world);
    void *const places[] = {
        [PLACE_HEADER] = queue.header,
        [PLACE_ENTRY] = &queue.entries[nth],
        [PLACE_AVAIL] = ring.avail,
        [PLACE_USED] = ring.used,
    };
    uint8_t *start = (uint8_t *)places[field->place] + field->offset;

    if (field->place == PLACE_AVAIL)
        start += nth % WORLD_RING_SIZE * sizeof(uint16_t);
    return start;
}

static uint64_t value_of(const struct world *world, unsigned value)
{
    struct world copy = *world;

    if (value < COUNT(values))
        return values[value];
    return (uint64_t)(world_indices(&copy).used_index + around_used_index[value - COUNT(values)]);
}

void hostile_set(struct world *world, unsigned field, unsigned value)
{
    unsigned nth;
    struct field what = field_of(field, &nth);
    uint64_t bytes = value_of(world, value);

    memcpy(bytes_of(world, &what, nth), &bytes, what.width);
}

const char *hostile_text(unsigned field, unsigned value)
{
    static char text[80];
    unsigned nth;
    struct field what = field_of(field, &nth);

    snprintf(text, sizeof(text), "%s[%u] = value %u", what.text, nth, value);
    return text;
}
