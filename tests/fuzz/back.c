/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back core with a hostile front-end and an edge that answers late, out of order and with
 * errors. Held to: one answer to each question and none else, each descriptor handed over or closed
 * once, only legal ring states, nothing changed under a running ring, a memory table that is one.
 */
#include "back_script.h"
#include "fds.h"

#include "ring/dirty.h"
#include "ring/inflight.h"
#include "ring/split.h"

#include <errno.h>

enum {
    DEPTH_SERVED,  /* a ring is started and enabled */
    DEPTH_TRACKED, /* with memory and an in-flight region */
    DEPTH_STOPPED, /* and stopped by GET_VRING_BASE */
    DEPTH_RESET,   /* RESET_DEVICE while a ring was served */
    DEPTH_LOGGED,  /* a ring is served, and its writes are logged */
};

struct scene {
    struct hf_back back;
    struct hf_back_effects effects;
    struct hf_back_ring before[HF_BACK_RINGS_MAX];
    struct fuzz_fds fds;
    struct hf_back_effect pending[HF_BACK_EFFECTS_MAX];
    unsigned pending_count;
    struct hf_message message; /* the present one */
    unsigned fds_ended;        /* of the present message */
    uint64_t features_before;  /* protocol features, before the present message */
    bool answer_due;           /* its end has not been judged */
    unsigned replies;
    bool served;
    unsigned reached;
};

/* ---- what must hold ---- */

static void check_started_unchanged(const struct hf_back_ring *before,
                                    const struct hf_back_ring *after)
{
    if (!before->started || !after->started)
        return;
    FUZZ_CHECK(before->size == after->size && before->base == after->base);
    FUZZ_CHECK(before->addresses.desc == after->addresses.desc &&
               before->addresses.avail == after->addresses.avail &&
               before->addresses.used == after->addresses.used);
}

static void check_ring(const struct scene *scene, uint16_t index)
{
    const struct hf_back *back = &scene->back;
    const struct hf_back_ring *ring = &back->rings[index];

    if (ring->size != 0)
        FUZZ_CHECK(hf_ring_size_valid(ring->size) && ring->size <= back->offer.ring_size_max);
    if (ring->started)
        FUZZ_CHECK(index < back->offer.ring_count && ring->size != 0 && ring->addressed);
    check_started_unchanged(&scene->before[index], ring);
}

static void check_memory(const struct hf_memory *memory)
{
    FUZZ_CHECK(memory->region_count <= HF_MEMORY_REGIONS_MAX);
    for (uint32_t i = 0; i < memory->region_count; i++) {
        const struct hf_memory_region *region = &memory->regions[i];
        uint64_t end = region->guest_address + region->size_bytes;

        FUZZ_CHECK(region->size_bytes != 0 && end > region->guest_address);
        if (i > 0)
            FUZZ_CHECK(memory->regions[i - 1].guest_address + memory->regions[i - 1].size_bytes <=
                       region->guest_address);
    }
}

/* No page is written without a bit for it: what a started ring may write is in the log that is
 * there, and there is one for a ring that is served. */
static void check_log(const struct hf_back *back)
{
    uint64_t log_bytes = back->log.size_bytes;

    if ((back->features & HF_FEATURE(LOG_ALL)) == 0)
        return;
    for (uint16_t i = 0; i < back->offer.ring_count; i++) {
        const struct hf_back_ring *ring = &back->rings[i];

        FUZZ_CHECK(!hf_back_ring_active(back, i) || log_bytes != 0);
        if (!ring->started || log_bytes == 0)
            continue;
        for (uint32_t j = 0; j < back->memory.region_count; j++)
            FUZZ_CHECK(hf_dirty_covers(log_bytes, back->memory.regions[j].guest_address,
                                       back->memory.regions[j].size_bytes));
        if ((ring->addresses.flags & HF_WIRE_VRING_F_LOG) != 0)
            FUZZ_CHECK(
                hf_dirty_covers(log_bytes, ring->addresses.log, hf_ring_used_bytes(ring->size)));
    }
}

static void check_all(const struct scene *scene)
{
    const struct hf_back *back = &scene->back;

    if (hf_back_settled(back))
        check_log(back);
    FUZZ_CHECK((back->features & ~back->offer.features) == 0);
    FUZZ_CHECK((back->protocol_features & ~back->offer.protocol_features) == 0);
    FUZZ_CHECK(hf_back_settled(back) == (back->phase == HF_BACK_PHASE_OPEN));
    for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
        check_ring(scene, (uint16_t)i);
    check_memory(&back->memory);
}

/* ---- effects ---- */

static void check_reply(struct scene *scene)
{
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    struct hf_message *reply = &scene->effects.reply;

    FUZZ_CHECK(reply->stream == HF_STREAM_REPLIES && reply->request == scene->message.request);
    FUZZ_CHECK(hf_message_encode(reply, bytes, sizeof(bytes)) > 0);
    for (unsigned i = 0; i < reply->fd_count; i++)
        fuzz_fd_close(&scene->fds, reply->fds[i]);
    scene->replies++;
}

static void end_fds(struct scene *scene, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fuzz_fd_close(&scene->fds, scene->message.fds[i]);
    scene->fds_ended += count;
}

/* The region it was given has room for this ring. */
static void check_room(const struct hf_back *back, uint16_t ring)
{
    struct hf_inflight_region region;
    struct hf_inflight_queue queue;

    if (back->inflight.mmap_size_bytes == 0)
        return;
    FUZZ_CHECK(hf_inflight_region_init(&region, NULL, back->inflight.mmap_size_bytes,
                                       back->inflight.queue_count) == HF_INFLIGHT_FAULT_NONE);
    FUZZ_CHECK(hf_inflight_region_queue(&region, ring, back->rings[ring].size, &queue) ==
               HF_INFLIGHT_FAULT_NONE);
}

static void check_start(const struct hf_back *back, const struct hf_back_effect *effect)
{
    const struct hf_back_ring *ring = &back->rings[effect->ring];

    FUZZ_CHECK(!ring->started && ring->size != 0 && ring->addressed);
    FUZZ_CHECK(ring->addresses.desc % 16 == 0 && ring->addresses.avail % 2 == 0 &&
               ring->addresses.used % 4 == 0);
    check_room(back, effect->ring);
}

static void check_asked(struct scene *scene, const struct hf_back_effect *effect)
{
    const struct hf_back *back = &scene->back;

    FUZZ_CHECK(effect->ring < back->offer.ring_count);
    if (effect->kind == HF_BACK_EFFECT_RING_START)
        check_start(back, effect);
    if (effect->kind == HF_BACK_EFFECT_RING_LOG)
        FUZZ_CHECK(back->rings[effect->ring].started &&
                   (back->features & HF_FEATURE(LOG_ALL)) != 0);
    if (effect->kind == HF_BACK_EFFECT_LOG_SWITCH)
        FUZZ_CHECK(effect->value == ((back->features & HF_FEATURE(LOG_ALL)) == 0));
    if (effect->kind == HF_BACK_EFFECT_RING_STOP)
        FUZZ_CHECK(back->rings[effect->ring].started);
    if (effect->kind == HF_BACK_EFFECT_RING_ENABLE)
        FUZZ_CHECK(back->rings[effect->ring].started && effect->value <= 1);
    if (effect->kind == HF_BACK_EFFECT_MEMORY_REPLACE)
        end_fds(scene, scene->message.fd_count);
    scene->pending[scene->pending_count++] = *effect;
}

static void check_told(struct scene *scene, const struct hf_back_effect *effect)
{
    if (effect->kind == HF_BACK_EFFECT_REPLY)
        check_reply(scene);
    if (effect->kind == HF_BACK_EFFECT_CLOSE_FDS)
        end_fds(scene, scene->message.fd_count);
    if (effect->kind == HF_BACK_EFFECT_HANG_UP)
        FUZZ_CHECK(scene->back.phase == HF_BACK_PHASE_CLOSED);
    if (effect->kind == HF_BACK_EFFECT_REPORT)
        FUZZ_CHECK(effect->fault != HF_BACK_FAULT_NONE);
    if (effect->kind == HF_BACK_EFFECT_RESET)
        for (unsigned i = 0; i < HF_BACK_RINGS_MAX; i++)
            FUZZ_CHECK(!scene->back.rings[i].started);
    FUZZ_CHECK(hf_back_fault_text(effect->fault) != NULL);
}

static void carry_out(struct scene *scene)
{
    for (unsigned i = 0; i < scene->effects.count; i++) {
        const struct hf_back_effect *effect = &scene->effects.items[i];

        if (effect->fd >= 0) {
            FUZZ_CHECK(effect->fd == scene->message.fds[0] && scene->message.fd_count == 1);
            end_fds(scene, 1);
        }
        if (hf_back_effect_awaited(effect->kind))
            check_asked(scene, effect);
        else
            check_told(scene, effect);
    }
}

/* ---- the answer ---- */

static void judge_end(struct scene *scene)
{
    if (!scene->answer_due || scene->back.phase == HF_BACK_PHASE_BUSY)
        return;
    scene->answer_due = false;
    FUZZ_CHECK(scene->fds_ended == scene->message.fd_count);
    if (scene->back.phase == HF_BACK_PHASE_OPEN) {
        FUZZ_CHECK(scene->pending_count == 0);
        FUZZ_CHECK(scene->replies == back_script_is_question(&scene->message,
                                                             scene->features_before,
                                                             scene->back.protocol_features));
    } else {
        FUZZ_CHECK(scene->replies == 0);
    }
}

static void note_depth(struct scene *scene)
{
    const struct hf_back *back = &scene->back;
    bool serves = false;

    for (uint16_t i = 0; i < back->offer.ring_count; i++)
        serves = serves || hf_back_ring_active(back, i);
    if (serves)
        scene->reached |= FUZZ_DEPTH(DEPTH_SERVED);
    if (serves && back->memory.region_count > 0 && back->inflight.mmap_size_bytes > 0)
        scene->reached |= FUZZ_DEPTH(DEPTH_TRACKED);
    if (serves && (back->features & HF_FEATURE(LOG_ALL)) != 0)
        scene->reached |= FUZZ_DEPTH(DEPTH_LOGGED);
    if (scene->served && !serves && back->phase == HF_BACK_PHASE_OPEN)
        scene->reached |=
            scene->message.request == HF_REQUEST_GET_VRING_BASE ? FUZZ_DEPTH(DEPTH_STOPPED)
            : scene->message.request == HF_REQUEST_RESET_DEVICE ? FUZZ_DEPTH(DEPTH_RESET)
                                                                : 0;
    scene->served = serves;
}

static void step(struct scene *scene, const struct hf_back_event *event)
{
    bool over = scene->back.phase == HF_BACK_PHASE_CLOSED;

    memcpy(scene->before, scene->back.rings, sizeof(scene->before));
    hf_back_step(&scene->back, event, &scene->effects);
    FUZZ_CHECK(!over || scene->effects.count == 0);
    carry_out(scene);
    check_all(scene);
    judge_end(scene);
    if (hf_back_settled(&scene->back))
        note_depth(scene);
}

/* ---- the edge ---- */

static void fill_answer(struct scene *scene, union hf_wire_body *body, struct hf_back_event *event)
{
    const struct hf_wire_inflight *asked = &scene->message.body.inflight;

    *body = scene->message.body;
    event->body = body;
    if (scene->message.request != HF_REQUEST_GET_INFLIGHT_FD)
        return;
    body->inflight.mmap_size_bytes =
        asked->queue_count * hf_inflight_stride(asked->queue_size, HF_INFLIGHT_ALIGNMENT);
    body->inflight.mmap_offset = 0;
    event->fd = fuzz_fd_new(&scene->fds);
}

static void answer(struct scene *scene, unsigned which, uint32_t failure, uint16_t base)
{
    struct hf_back_effect effect = scene->pending[which];
    struct hf_back_event event = {
        .kind = HF_BACK_EVENT_DONE, .ring = effect.ring, .base = base, .fd = -1
    };
    union hf_wire_body body;

    scene->pending[which] = scene->pending[--scene->pending_count];
    if (failure != 0)
        event.result = -(int)(1 + failure % 130);
    else if (effect.kind == HF_BACK_EFFECT_CONFIG_GET ||
             effect.kind == HF_BACK_EFFECT_INFLIGHT_CREATE)
        fill_answer(scene, &body, &event);
    step(scene, &event);
}

static void answer_all(struct scene *scene)
{
    while (scene->back.phase == HF_BACK_PHASE_BUSY) {
        FUZZ_CHECK(scene->pending_count > 0);
        answer(scene, 0, 0, 3);
    }
}

static void hang_up(struct scene *scene)
{
    step(scene, &(struct hf_back_event){ .kind = HF_BACK_EVENT_HANG_UP });
    scene->pending_count = 0;
}

/* One spare: the answer to GET_INFLIGHT_FD brings one. */
static void send(struct scene *scene, const struct back_record *record)
{
    answer_all(scene);
    if (scene->back.phase == HF_BACK_PHASE_CLOSED ||
        !back_script_message(record, &scene->message) ||
        !fuzz_fds_left(&scene->fds, (int)scene->message.fd_count + 1))
        return;
    for (unsigned i = 0; i < scene->message.fd_count; i++)
        scene->message.fds[i] = fuzz_fd_new(&scene->fds);
    scene->fds_ended = 0;
    scene->replies = 0;
    scene->answer_due = true;
    scene->pending_count = 0;
    scene->features_before = scene->back.protocol_features;
    step(scene,
         &(struct hf_back_event){ .kind = HF_BACK_EVENT_MESSAGE, .message = &scene->message });
}

static void play(struct scene *scene, const struct back_record *record)
{
    if (record->op >= BACK_OP_HANG_UP)
        hang_up(scene);
    else if (record->op < BACK_OP_DONE)
        send(scene, record);
    else if (scene->back.phase == HF_BACK_PHASE_BUSY)
        answer(scene, record->ring % scene->pending_count, record->a, (uint16_t)record->b);
}

static struct hf_back_offer offer_of(const struct back_prefix *prefix)
{
    struct hf_back_offer offer = {
        .features = HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |
                    HF_FEATURE(SCSI_HOTPLUG) | HF_FEATURE(SCSI_CHANGE) |
                    HF_FEATURE(PROTOCOL_FEATURES) | HF_FEATURE(LOG_ALL),
        .protocol_features = HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(REPLY_ACK) |
                             HF_PROTOCOL_FEATURE(CONFIG) | HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) |
                             HF_PROTOCOL_FEATURE(RESET_DEVICE) | HF_PROTOCOL_FEATURE(BACKEND_REQ) |
                             HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |
                             HF_PROTOCOL_FEATURE(LOG_SHMFD),
        .ring_count = prefix->ring_count != 0 ? prefix->ring_count : 4,
        .ring_size_max = 256,
        .memory_slots = prefix->slots != 0 ? prefix->slots : HF_MEMORY_REGIONS_MAX,
        .config_bytes = prefix->config_bytes != 0 ? prefix->config_bytes : 52,
    };

    if ((prefix->flags & BACK_OFFER_NO_PROTOCOL) != 0)
        offer.features &= ~HF_FEATURE(PROTOCOL_FEATURES);
    if ((prefix->flags & BACK_OFFER_ALL) != 0)
        offer.protocol_features = UINT64_MAX;
    return offer;
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct scene *scene = fuzz_alloc(sizeof(*scene));
    struct back_prefix prefix;
    struct back_record record;

    fuzz_take(&input, &prefix, sizeof(prefix));
    struct hf_back_offer offer = offer_of(&prefix);
    hf_back_init(&scene->back, &offer);
    while (scene->back.phase != HF_BACK_PHASE_CLOSED && fuzz_take(&input, &record, sizeof(record)))
        play(scene, &record);
    answer_all(scene);
    hang_up(scene);
    hang_up(scene);
    FUZZ_CHECK(scene->back.phase == HF_BACK_PHASE_CLOSED && scene->fds.open_count == 0);
    unsigned reached = scene->reached;
    free(scene);
    return reached;
}

const struct fuzz_target fuzz_target = {
    .name = "back",
    .depths = { "a ring served", "with memory and in-flight region", "stopped", "reset", "logged" },
    .prefix_bytes = sizeof(struct back_prefix),
    .record_bytes = sizeof(struct back_record),
    .run = run,
    .seeds = back_script_seeds,
};
