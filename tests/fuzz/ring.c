/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device ring with a hostile driver: any descriptors, tables, indices and marks, changed
 * between two looks. Every part of the ring, each region and each table of requests is memory of
 * exactly its size. Held to: no access outside, bounded work, spans inside of guest memory, the
 * count of heads that are out.
 */
#include "ring_script.h"
#include "shared.h"

#include "ring/device.h"

enum {
    DEPTH_WALKED,    /* a chain with readable and writable bytes */
    DEPTH_INDIRECT,  /* through an indirect table */
    DEPTH_COMPLETED, /* three heads answered */
    DEPTH_RECOVERED, /* after a kill */
};

#define OUT_MAX 256u

struct scene {
    struct ring_prefix prefix;
    uint16_t size;
    uint8_t *blocks[RING_REGIONS_MAX]; /* as allocated */
    uint8_t *regions[RING_REGIONS_MAX];
    uint32_t region_bytes[RING_REGIONS_MAX];
    uint64_t guest[RING_REGIONS_MAX];
    struct hf_memory memory;
    struct hf_ring ring;
    uint8_t *inflight_bytes;
    struct hf_inflight_queue queue;
    struct hf_inflight_recovery recovery;
    struct hf_ring_device device;
    struct hf_ring_chain chain;
    uint16_t out[OUT_MAX]; /* fetched or recovered, not answered; in that order */
    unsigned out_count;
    bool scribbled; /* on the in-flight region: it may say anything */
    unsigned completed;
    unsigned reached;
};

/* ---- building ---- */

static void add_region(struct scene *scene, unsigned i, uint64_t *guest)
{
    unsigned odd = (scene->prefix.flags & RING_ODD) != 0;
    uint32_t size_bytes = scene->prefix.region_bytes[i] != 0 ? scene->prefix.region_bytes[i] : 4096;

    scene->blocks[i] = fuzz_alloc(size_bytes + odd);
    scene->regions[i] = scene->blocks[i] + odd;
    scene->region_bytes[i] = size_bytes;
    scene->guest[i] = *guest;
    struct hf_memory_region region = { .guest_address = *guest,
                                       .user_address = 0x7000000 + *guest,
                                       .size_bytes = size_bytes,
                                       .host = scene->regions[i] };
    FUZZ_CHECK(hf_memory_add(&scene->memory, &region) == HF_MEMORY_FAULT_NONE);
    *guest += size_bytes + ((scene->prefix.flags & RING_GAPS) != 0 ? 0x1000 : 0);
}

static void add_inflight(struct scene *scene)
{
    uint64_t size_bytes = hf_inflight_stride(scene->size, 1);
    struct hf_inflight_region region;

    scene->inflight_bytes = fuzz_alloc(size_bytes);
    FUZZ_CHECK(hf_inflight_region_init(&region, scene->inflight_bytes, size_bytes, 1) ==
               HF_INFLIGHT_FAULT_NONE);
    FUZZ_CHECK(hf_inflight_region_queue(&region, 0, scene->size, &scene->queue) ==
               HF_INFLIGHT_FAULT_NONE);
    scene->recovery.requests = fuzz_alloc(scene->size * sizeof(struct hf_inflight_request));
}

static void build(struct scene *scene)
{
    uint64_t guest = RING_GUEST_START;
    unsigned region_count = 1 + (scene->prefix.region_count + 3u) % RING_REGIONS_MAX;
    uint32_t span_capacity = scene->prefix.span_capacity != 0 ? scene->prefix.span_capacity : 64;

    scene->size = (uint16_t)(1u << scene->prefix.size_log % 9);
    for (unsigned i = 0; i < region_count; i++)
        add_region(scene, i, &guest);
    FUZZ_CHECK(hf_ring_init(&scene->ring, scene->size, fuzz_alloc(hf_ring_desc_bytes(scene->size)),
                            fuzz_alloc(hf_ring_avail_bytes(scene->size)),
                            fuzz_alloc(hf_ring_used_bytes(scene->size))) == HF_RING_FAULT_NONE);
    scene->ring.avail->index = scene->prefix.start;
    scene->ring.used->index = scene->prefix.start;
    scene->chain.span_capacity = span_capacity;
    scene->chain.spans = fuzz_alloc(span_capacity * sizeof(struct hf_span));
    add_inflight(scene);
}

static void tear_down(struct scene *scene)
{
    free(scene->chain.spans);
    free(scene->recovery.requests);
    free(scene->inflight_bytes);
    free(scene->ring.desc);
    free(scene->ring.avail);
    free(scene->ring.used);
    for (unsigned i = 0; i < RING_REGIONS_MAX; i++)
        free(scene->blocks[i]);
    free(scene);
}

static bool is_quiet(const struct scene *scene)
{
    return (scene->prefix.flags & RING_SPOILT) == 0;
}

/* ---- the device ---- */

static void take_recovered(struct scene *scene)
{
    FUZZ_CHECK(scene->recovery.count <= scene->size);
    for (unsigned i = 0; i < scene->recovery.count; i++) {
        FUZZ_CHECK(scene->recovery.requests[i].head < scene->size);
        scene->out[scene->out_count++] = scene->recovery.requests[i].head;
    }
    if (scene->recovery.count > 0)
        scene->reached |= FUZZ_DEPTH(DEPTH_RECOVERED);
}

static void start(struct scene *scene, bool tracked)
{
    struct hf_ring_device_setup setup = {
        .ring = scene->ring,
        .memory = &scene->memory,
        .base = scene->ring.used->index,
        .event_index = (scene->prefix.flags & RING_EVENT_INDEX) != 0,
        .indirect = (scene->prefix.flags & RING_INDIRECT) != 0,
    };

    scene->out_count = 0;
    hf_ring_device_start(&scene->device, &setup);
    if (tracked && hf_ring_device_recover(&scene->device, &scene->queue, &scene->recovery) ==
                       HF_INFLIGHT_FAULT_NONE)
        take_recovered(scene);
}

/* The span lies in one region, and its ends may be touched. */
static void check_span(const struct scene *scene, const struct hf_span *span, bool writable)
{
    uint8_t *bytes = span->base;

    FUZZ_CHECK(span->length > 0);
    for (unsigned i = 0; i < RING_REGIONS_MAX; i++) {
        if (scene->regions[i] == NULL || bytes < scene->regions[i] ||
            bytes >= scene->regions[i] + scene->region_bytes[i])
            continue;
        FUZZ_CHECK(span->length <= scene->region_bytes[i] - (size_t)(bytes - scene->regions[i]));
        if (writable)
            bytes[0] = bytes[span->length - 1] = 0xa5;
        return;
    }
    fuzz_fail(__FILE__, __LINE__, "a span outside of guest memory");
}

static void check_chain(const struct scene *scene)
{
    const struct hf_ring_chain *chain = &scene->chain;
    uint64_t readable = 0;
    uint64_t writable = 0;

    FUZZ_CHECK(chain->readable_count + chain->writable_count <= chain->span_capacity);
    for (uint32_t i = 0; i < chain->readable_count; i++) {
        check_span(scene, &hf_ring_chain_readable(chain)[i], false);
        readable += hf_ring_chain_readable(chain)[i].length;
    }
    for (uint32_t i = 0; i < chain->writable_count; i++) {
        check_span(scene, &hf_ring_chain_writable(chain)[i], true);
        writable += hf_ring_chain_writable(chain)[i].length;
    }
    FUZZ_CHECK(readable == chain->readable_bytes && writable == chain->writable_bytes);
}

static void walk(struct scene *scene, uint16_t head)
{
    uint64_t loads = shared.loads;
    bool indirect = (scene->ring.desc[head].flags & HF_DESC_INDIRECT) != 0;
    enum hf_ring_fault fault = hf_ring_device_walk(&scene->device, &scene->chain, head);

    /* Two loads a descriptor; one more that is one too many, and the one that leads on. */
    FUZZ_CHECK(shared.loads - loads <= 2 * (scene->size + 2u));
    FUZZ_CHECK((unsigned)fault < HF_RING_FAULT_COUNT && hf_ring_fault_text(fault) != NULL);
    if (fault != HF_RING_FAULT_NONE)
        return;
    check_chain(scene);
    if (scene->chain.readable_bytes == 0 || scene->chain.writable_bytes == 0)
        return;
    scene->reached |= FUZZ_DEPTH(DEPTH_WALKED);
    if (indirect)
        scene->reached |= FUZZ_DEPTH(DEPTH_INDIRECT);
}

static bool is_out(const struct scene *scene, uint16_t head)
{
    for (unsigned i = 0; i < scene->out_count; i++)
        if (scene->out[i] == head)
            return true;
    return false;
}

static bool fetch_one(struct scene *scene, bool marked)
{
    enum hf_ring_fault before = scene->device.fault;
    uint64_t loads = shared.loads;
    uint16_t head;
    bool fetched = marked ? hf_ring_device_fetch(&scene->device, &head)
                          : hf_ring_device_fetch_unmarked(&scene->device, &head);

    FUZZ_CHECK(shared.loads - loads <= 4);
    FUZZ_CHECK(before == HF_RING_FAULT_NONE || (!fetched && scene->device.fault == before));
    if (!fetched)
        return false;
    FUZZ_CHECK(head < scene->size && scene->device.fault == HF_RING_FAULT_NONE);
    FUZZ_CHECK(scene->out_count < scene->size);
    if (scene->device.inflight.header != NULL && is_quiet(scene) && !scene->scribbled)
        FUZZ_CHECK(!is_out(scene, head));
    scene->out[scene->out_count++] = head;
    walk(scene, head);
    return true;
}

static void answer(struct scene *scene, uint16_t count, unsigned first)
{
    struct hf_used_element *elements = fuzz_alloc(count * sizeof(*elements));

    for (uint16_t i = 0; i < count; i++) {
        unsigned which = first % scene->out_count;

        elements[i].id = scene->out[which];
        elements[i].length = i;
        scene->out_count--;
        memmove(&scene->out[which], &scene->out[which + 1],
                (scene->out_count - which) * sizeof(scene->out[0]));
    }
    hf_ring_device_complete(&scene->device, elements, count);
    free(elements);
    hf_ring_device_call_needed(&scene->device);
    scene->completed += count;
    if (scene->completed >= 3)
        scene->reached |= FUZZ_DEPTH(DEPTH_COMPLETED);
}

/* ---- what the driver does ---- */

static uint64_t address_of(const struct scene *scene, const struct ring_record *record)
{
    unsigned region = (record->z >> 32 & 0xffff) % RING_REGIONS_MAX;

    if ((record->small & RING_RAW_ADDRESS) != 0)
        return record->z;
    return scene->guest[region] + (uint32_t)record->z;
}

static struct hf_desc desc_of(const struct scene *scene, const struct ring_record *record)
{
    bool raw = (record->small & RING_RAW_LENGTH) != 0;

    return (struct hf_desc){ .address = address_of(scene, record),
                             .length = raw ? record->y : record->y & 0xfff,
                             .flags = record->small & 7,
                             .next = (uint16_t)(record->z >> 48) };
}

static void set_desc(struct scene *scene, const struct ring_record *record)
{
    scene->ring.desc[record->x % scene->size] = desc_of(scene, record);
}

static void set_indirect(struct scene *scene, const struct ring_record *record)
{
    struct hf_desc desc = desc_of(scene, record);

    if (record->x + sizeof(desc) <= scene->region_bytes[0])
        memcpy(scene->regions[0] + record->x, &desc, sizeof(desc));
}

static void set_avail(struct scene *scene, const struct ring_record *record)
{
    uint16_t index = scene->ring.avail->index;

    scene->ring.avail->ring[hf_ring_slot(&scene->ring, index)] = record->x;
    scene->ring.avail->index = (uint16_t)(index + 1);
}

static void set_avail_index(struct scene *scene, const struct ring_record *record)
{
    scene->ring.avail->index = record->x;
}

static void set_avail_flags(struct scene *scene, const struct ring_record *record)
{
    scene->ring.avail->flags = record->small;
    *hf_ring_used_event(&scene->ring) = record->x;
}

static void set_used(struct scene *scene, const struct ring_record *record)
{
    if (record->small == 0)
        scene->ring.used->index = record->x;
    else
        scene->ring.used->ring[record->x % scene->size].id = record->y;
}

static void set_region(struct scene *scene, const struct ring_record *record)
{
    struct hf_inflight_entry *entry = &scene->queue.entries[record->x % scene->size];
    struct hf_inflight_header *header = scene->queue.header;
    uint16_t value = (uint16_t)record->z;

    scene->scribbled = true;
    switch (record->small % 8) {
    case 0:
        entry->inflight = (uint8_t)value;
        break;
    case 1:
        entry->next = value;
        break;
    case 2:
        entry->counter = record->z;
        break;
    case 3:
        header->version = value;
        break;
    case 4:
        header->desc_num = value;
        break;
    case 5:
        header->last_batch_head = value;
        break;
    case 6:
        header->used_idx = value;
        break;
    default:
        header->features = record->z;
    }
}

/* ---- what the device does ---- */

static void fetch(struct scene *scene, const struct ring_record *record)
{
    unsigned count = record->small % 16;

    while (count-- > 0 && fetch_one(scene, true))
        ;
}

static void complete(struct scene *scene, const struct ring_record *record)
{
    unsigned count = record->small % 9;

    if (count > scene->out_count)
        count = scene->out_count;
    answer(scene, (uint16_t)count, record->x);
}

static void fetch_unmarked(struct scene *scene, const struct ring_record *record)
{
    (void)record;
    if (fetch_one(scene, false))
        answer(scene, 1, scene->out_count - 1);
}

static void set_kicks(struct scene *scene, const struct ring_record *record)
{
    if (record->small % 3 == 0)
        hf_ring_device_disable_kick(&scene->device);
    else if (record->small % 3 == 1)
        hf_ring_device_enable_kick(&scene->device);
    else
        hf_ring_device_pending(&scene->device);
}

static void restart(struct scene *scene, const struct ring_record *record)
{
    start(scene, record->small % 2 == 0 && (scene->prefix.flags & RING_TRACKED) != 0);
}

static void (*const plays[RING_OP_COUNT])(struct scene *, const struct ring_record *) = {
    [RING_OP_DESC] = set_desc,
    [RING_OP_INDIRECT] = set_indirect,
    [RING_OP_AVAIL] = set_avail,
    [RING_OP_FETCH] = fetch,
    [RING_OP_COMPLETE] = complete,
    [RING_OP_UNMARKED] = fetch_unmarked,
    [RING_OP_KICKS] = set_kicks,
    [RING_OP_RESTART] = restart,
    [RING_OP_AVAIL_INDEX] = set_avail_index,
    [RING_OP_AVAIL_FLAGS] = set_avail_flags,
    [RING_OP_USED] = set_used,
    [RING_OP_REGION] = set_region,
};

static void check_all(const struct scene *scene)
{
    FUZZ_CHECK(hf_ring_device_outstanding(&scene->device) == scene->out_count);
    FUZZ_CHECK(scene->out_count <= scene->size);
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct scene *scene = fuzz_alloc(sizeof(*scene));
    struct ring_record record;

    fuzz_take(&input, &scene->prefix, sizeof(scene->prefix));
    build(scene);
    shared_reset(is_quiet(scene) ? 0 : scene->prefix.spoil + 1u);
    start(scene, (scene->prefix.flags & RING_TRACKED) != 0);
    while (fuzz_take(&input, &record, sizeof(record))) {
        plays[record.op % RING_OP_COUNT](scene, &record);
        check_all(scene);
    }
    unsigned reached = scene->reached;
    tear_down(scene);
    return reached;
}

const struct fuzz_target fuzz_target = {
    .name = "ring",
    .depths = { "a chain walked", "an indirect one", "three answered", "recovered" },
    .prefix_bytes = sizeof(struct ring_prefix),
    .record_bytes = sizeof(struct ring_record),
    .run = run,
    .seeds = ring_script_seeds,
};
