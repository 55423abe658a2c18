/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight region with hostile content. Settling and recovering the same content gives the
 * same however often it is done, wherever it was killed, and in whatever stride; on a fault nothing
 * is changed. The region is memory of exactly its size.
 */
#include "inflight_script.h"
#include "shared.h"

#include "base/bitmap.h"
#include "ring/inflight.h"
#include "ring/split.h"

enum {
    DEPTH_RECOVERED, /* two requests at least */
    DEPTH_BATCH,     /* and a batch that had to be settled first */
    DEPTH_CONVERTED, /* and the same in another stride */
    DEPTH_KILLED,    /* killed while it was recovered */
};

#define QUEUES_MAX 3u
#define ENTRIES    256u

/* One copy of the content. */
struct copy {
    struct hf_inflight_region region;
    uint8_t *bytes;
};

struct scene {
    struct inflight_prefix prefix;
    uint16_t queue_count;
    uint16_t size;
    struct hf_inflight_ring ring;
    struct copy original;
    unsigned reached;
};

struct result {
    enum hf_inflight_fault fault;
    struct hf_inflight_recovery recovery;
};

/* ---- building ---- */

static struct copy copy_new(const struct scene *scene, uint64_t size_bytes, const void *bytes)
{
    struct copy copy = { .bytes = bytes ? fuzz_copy(bytes, size_bytes) : fuzz_alloc(size_bytes) };

    FUZZ_CHECK(hf_inflight_region_init(&copy.region, copy.bytes, size_bytes, scene->queue_count) ==
               HF_INFLIGHT_FAULT_NONE);
    return copy;
}

static struct copy copy_again(const struct scene *scene)
{
    return copy_new(scene, scene->original.region.size_bytes, scene->original.bytes);
}

static void copy_free(struct copy *copy)
{
    free(copy->bytes);
}

static bool same_bytes(const struct copy *a, const struct copy *b)
{
    return memcmp(a->bytes, b->bytes, a->region.size_bytes) == 0;
}

static struct hf_inflight_queue queue_of(const struct scene *scene, const struct copy *copy,
                                         uint16_t index)
{
    struct hf_inflight_queue queue;

    FUZZ_CHECK(hf_inflight_region_queue(&copy->region, index, scene->size, &queue) ==
               HF_INFLIGHT_FAULT_NONE);
    return queue;
}

static void set(struct scene *scene, const struct inflight_record *record)
{
    struct copy *copy = &scene->original;
    struct hf_inflight_queue queue = queue_of(scene, copy, record->queue % scene->queue_count);
    struct hf_inflight_entry *entry = &queue.entries[record->entry % queue.capacity];
    uint16_t value = (uint16_t)record->value;

    switch ((enum inflight_what)(record->what % INFLIGHT_COUNT)) {
    case INFLIGHT_INFLIGHT:
        entry->inflight = (uint8_t)value;
        break;
    case INFLIGHT_NEXT:
        entry->next = value;
        break;
    case INFLIGHT_COUNTER:
        entry->counter = record->value;
        break;
    case INFLIGHT_VERSION:
        queue.header->version = value;
        break;
    case INFLIGHT_DESC_NUM:
        queue.header->desc_num = value;
        break;
    case INFLIGHT_LAST_BATCH:
        queue.header->last_batch_head = value;
        break;
    case INFLIGHT_USED_IDX:
        queue.header->used_idx = value;
        break;
    case INFLIGHT_FEATURES:
        queue.header->features = record->value;
        break;
    case INFLIGHT_BYTE:
    case INFLIGHT_COUNT:
        copy->bytes[record->value % copy->region.size_bytes] = (uint8_t)record->entry;
        break;
    }
}

static void build(struct scene *scene)
{
    const struct inflight_prefix *prefix = &scene->prefix;
    uint64_t stride;

    scene->queue_count = (uint16_t)(1 + (prefix->queue_count + QUEUES_MAX - 1u) % QUEUES_MAX);
    scene->size = (uint16_t)(1u << prefix->size_log % 9);
    scene->ring = (struct hf_inflight_ring){
        .size = scene->size,
        .used_index = prefix->used_index,
        .avail_index = (uint16_t)(prefix->used_index + prefix->made_available),
    };
    stride = hf_inflight_stride((uint16_t)(scene->size + prefix->spare_entries),
                                8u << prefix->alignment_log % 4);
    scene->original = copy_new(scene, stride * scene->queue_count, NULL);
    for (uint16_t i = 0; i < scene->queue_count && (prefix->flags & INFLIGHT_HONEST) != 0; i++)
        *queue_of(scene, &scene->original, i).header = (struct hf_inflight_header){
            .version = HF_INFLIGHT_VERSION, .desc_num = scene->size, .used_idx = prefix->used_index
        };
}

/* ---- recovering ---- */

static struct result recover(const struct scene *scene, const struct copy *copy, uint16_t index)
{
    struct hf_inflight_queue queue = queue_of(scene, copy, index);
    struct result result = { .recovery.requests =
                                 fuzz_alloc(scene->size * sizeof(struct hf_inflight_request)) };

    result.fault = hf_inflight_recover(&queue, &scene->ring, &result.recovery);
    return result;
}

static void check_requests(const struct scene *scene, const struct result *result)
{
    const struct hf_inflight_recovery *recovery = &result->recovery;
    uint64_t seen[HF_BITMAP_WORDS(ENTRIES)] = { 0 };

    FUZZ_CHECK(recovery->count <= scene->size);
    FUZZ_CHECK(recovery->last_avail == (uint16_t)(scene->ring.used_index + recovery->count));
    for (unsigned i = 0; i < recovery->count; i++) {
        const struct hf_inflight_request *request = &recovery->requests[i];

        FUZZ_CHECK(request->head < scene->size && !hf_bitmap_test(seen, request->head));
        hf_bitmap_set(seen, request->head);
        FUZZ_CHECK(request->counter < recovery->counter);
        if (i > 0)
            FUZZ_CHECK(request[-1].counter <= request->counter);
    }
}

static bool same_requests(const struct hf_inflight_recovery *a,
                          const struct hf_inflight_recovery *b)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->requests[i].head != b->requests[i].head ||
            a->requests[i].counter != b->requests[i].counter)
            return false;
    return true;
}

static bool same_result(const struct result *a, const struct result *b)
{
    if (a->fault != b->fault || a->fault != HF_INFLIGHT_FAULT_NONE)
        return a->fault == b->fault;
    return a->recovery.count == b->recovery.count &&
           a->recovery.last_avail == b->recovery.last_avail &&
           a->recovery.counter == b->recovery.counter && same_requests(&a->recovery, &b->recovery);
}

static void result_free(struct result *result)
{
    free(result->recovery.requests);
}

/* The same result from this copy, and nothing of it changes any more. */
static void check_again(const struct scene *scene, const struct copy *copy, uint16_t index,
                        const struct result *wanted)
{
    uint8_t *before = fuzz_copy(copy->bytes, copy->region.size_bytes);
    struct result again = recover(scene, copy, index);

    FUZZ_CHECK(same_result(wanted, &again));
    FUZZ_CHECK(memcmp(before, copy->bytes, copy->region.size_bytes) == 0);
    result_free(&again);
    free(before);
}

static bool had_batch(const struct scene *scene, uint16_t index)
{
    struct hf_inflight_queue queue = queue_of(scene, &scene->original, index);

    return queue.header->version != 0 && queue.header->used_idx != scene->ring.used_index;
}

/* The same thought again, as simple as can be: what is marked and not in the last batch. */
static bool marked(const struct hf_inflight_queue *queue, unsigned head)
{
    return queue->entries[head].inflight != 0;
}

/* False: the links do not say which heads were answered. */
static bool clear_batch(const struct scene *scene, const struct hf_inflight_queue *queue)
{
    uint16_t length = (uint16_t)(scene->ring.used_index - queue->header->used_idx);
    uint16_t head = queue->header->last_batch_head;
    uint64_t seen[HF_BITMAP_WORDS(ENTRIES)] = { 0 };

    if (queue->header->version == 0)
        return true;
    while (length-- > 0) {
        if (head >= scene->size || hf_bitmap_test(seen, head))
            return false;
        hf_bitmap_set(seen, head);
        queue->entries[head].inflight = 0;
        head = queue->entries[head].next;
    }
    return true;
}

static void check_model(const struct scene *scene, uint16_t index, const struct result *result)
{
    struct copy copy = copy_again(scene);
    struct hf_inflight_queue queue = queue_of(scene, &copy, index);
    unsigned before = 0;
    unsigned after = 0;

    for (unsigned i = 0; i < scene->size; i++)
        before += marked(&queue, i);
    bool known = clear_batch(scene, &queue);
    for (unsigned i = 0; i < scene->size; i++)
        after += marked(&queue, i);
    FUZZ_CHECK(known || before == 0);
    FUZZ_CHECK(result->recovery.count == (before == 0 ? 0 : after));
    for (unsigned i = 0; i < result->recovery.count; i++)
        FUZZ_CHECK(marked(&queue, result->recovery.requests[i].head));
    copy_free(&copy);
}

static void check_twice(struct scene *scene, uint16_t index, const struct result *wanted)
{
    struct copy copy = copy_again(scene);
    struct result first = recover(scene, &copy, index);

    FUZZ_CHECK(same_result(wanted, &first));
    if (first.fault != HF_INFLIGHT_FAULT_NONE)
        FUZZ_CHECK(same_bytes(&copy, &scene->original));
    else
        check_again(scene, &copy, index, wanted);
    result_free(&first);
    copy_free(&copy);
}

/* Killed after some store of the recovery: the next one does not see it. */
static void check_killed(struct scene *scene, uint16_t index, const struct result *wanted)
{
    struct copy copy = copy_again(scene);
    struct hf_inflight_queue queue = queue_of(scene, &copy, index);
    struct hf_inflight_recovery recovery = {
        .requests = fuzz_alloc(scene->size * sizeof(struct hf_inflight_request))
    };

    shared_reset(0);
    shared.die_after = 1 + scene->prefix.die_after % 64u;
    if (setjmp(shared.death) == 0)
        hf_inflight_recover(&queue, &scene->ring, &recovery);
    else if (wanted->recovery.count > 0)
        scene->reached |= FUZZ_DEPTH(DEPTH_KILLED);
    shared_reset(0);
    free(recovery.requests);
    struct result after = recover(scene, &copy, index);
    FUZZ_CHECK(same_result(wanted, &after));
    result_free(&after);
    copy_free(&copy);
}

static void check_queue(struct scene *scene, uint16_t index)
{
    struct copy copy = copy_again(scene);
    struct result wanted = recover(scene, &copy, index);

    FUZZ_CHECK((unsigned)wanted.fault < HF_INFLIGHT_FAULT_COUNT);
    if (wanted.fault == HF_INFLIGHT_FAULT_NONE) {
        check_requests(scene, &wanted);
        check_model(scene, index, &wanted);
        FUZZ_CHECK(wanted.recovery.count <= scene->prefix.made_available);
        if (wanted.recovery.count >= 2)
            scene->reached |= FUZZ_DEPTH(DEPTH_RECOVERED) |
                              (had_batch(scene, index) ? FUZZ_DEPTH(DEPTH_BATCH) : 0);
    }
    check_twice(scene, index, &wanted);
    check_killed(scene, index, &wanted);
    result_free(&wanted);
    copy_free(&copy);
}

/* ---- the front-end's side ---- */

static unsigned count_all(const struct scene *scene, const struct copy *copy)
{
    unsigned sum = 0;

    for (uint16_t i = 0; i < scene->queue_count; i++) {
        struct hf_inflight_queue queue = queue_of(scene, copy, i);

        sum += hf_inflight_count(&queue);
    }
    return sum;
}

/* What was settled and converted is recovered as if it had been neither. */
static void check_conversion(struct scene *scene, const struct copy *settled)
{
    uint64_t stride = hf_inflight_stride(scene->size, 8u << scene->prefix.other_alignment_log % 4);
    struct copy other = copy_new(scene, stride * scene->queue_count, NULL);

    memset(other.bytes, 0xee, other.region.size_bytes);
    if (hf_inflight_convert(&settled->region, &other.region, scene->size) == HF_INFLIGHT_FAULT_NONE)
        for (uint16_t i = 0; i < scene->queue_count; i++) {
            struct result wanted = recover(scene, settled, i);

            check_again(scene, &other, i, &wanted);
            if (wanted.fault == HF_INFLIGHT_FAULT_NONE && wanted.recovery.count >= 2)
                scene->reached |= FUZZ_DEPTH(DEPTH_CONVERTED);
            result_free(&wanted);
        }
    copy_free(&other);
}

static void check_settled(struct scene *scene)
{
    struct hf_inflight_ring rings[QUEUES_MAX] = { scene->ring, scene->ring, scene->ring };
    uint16_t counts[QUEUES_MAX];
    uint16_t bad_queue = UINT16_MAX;
    struct copy copy = copy_again(scene);
    unsigned sum = 0;

    if (hf_inflight_settle(&copy.region, rings, counts, &bad_queue) == HF_INFLIGHT_FAULT_NONE) {
        for (uint16_t i = 0; i < scene->queue_count; i++) {
            struct result result = recover(scene, &copy, i);

            FUZZ_CHECK(result.fault == HF_INFLIGHT_FAULT_NONE &&
                       result.recovery.count == counts[i]);
            result_free(&result);
            sum += counts[i];
        }
        FUZZ_CHECK(count_all(scene, &copy) == sum);
        check_conversion(scene, &copy);
    } else {
        FUZZ_CHECK(bad_queue < scene->queue_count);
    }
    FUZZ_CHECK(hf_inflight_clean(&copy.region) == (count_all(scene, &copy) == 0));
    copy_free(&copy);
}

static void convert_spoilt(const struct scene *scene, const struct copy *from)
{
    uint64_t stride = hf_inflight_stride(scene->size, 8u << scene->prefix.other_alignment_log % 4);
    struct copy to = copy_new(scene, stride * scene->queue_count, NULL);

    hf_inflight_convert(&from->region, &to.region, scene->size);
    copy_free(&to);
}

/* The content changes under the hands: only memory and bounds can be held to. */
static void run_spoilt(struct scene *scene)
{
    for (uint16_t i = 0; i < scene->queue_count; i++) {
        struct copy copy = copy_again(scene);

        shared_reset(scene->prefix.spoil | 1u);
        struct result result = recover(scene, &copy, i);
        if (result.fault == HF_INFLIGHT_FAULT_NONE)
            check_requests(scene, &result);
        count_all(scene, &copy);
        convert_spoilt(scene, &copy);
        result_free(&result);
        copy_free(&copy);
    }
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct scene *scene = fuzz_alloc(sizeof(*scene));
    struct inflight_record record;

    fuzz_take(&input, &scene->prefix, sizeof(scene->prefix));
    shared_reset(0);
    build(scene);
    while (fuzz_take(&input, &record, sizeof(record)))
        set(scene, &record);
    for (uint16_t i = 0; i < scene->queue_count; i++)
        check_queue(scene, i);
    check_settled(scene);
    if ((scene->prefix.flags & INFLIGHT_SPOILT) != 0)
        run_spoilt(scene);
    unsigned reached = scene->reached;
    copy_free(&scene->original);
    free(scene);
    return reached;
}

const struct fuzz_target fuzz_target = {
    .name = "inflight",
    .depths = { "two recovered", "after a batch", "in another stride", "killed meanwhile" },
    .prefix_bytes = sizeof(struct inflight_prefix),
    .record_bytes = sizeof(struct inflight_record),
    .run = run,
    .seeds = inflight_script_seeds,
};
