/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest of the target's tests: its memory, its rings, and the start of the data path. */
#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "wire/feature.h"

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- life ---- */

static void *shared(size_t size_bytes)
{
    void *bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(bytes, MAP_FAILED);
    return bytes;
}

static void init_ring(struct rig *rig, struct rig_ring *ring, uint8_t *block)
{
    struct hf_ring_layout layout = hf_ring_layout_of(RIG_SIZE);

    (void)rig;
    assert_int_equal(hf_ring_init(&ring->ring, RIG_SIZE, block, block + layout.avail_offset,
                                  block + layout.used_offset),
                     HF_RING_FAULT_NONE);
    hf_ring_driver_init(&ring->driver, &ring->ring, ring->slots, true);
    ring->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ring->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ring->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void report(void *context, unsigned queue_index, bool broken, const char *text)
{
    struct rig *rig = context;

    (void)queue_index;
    rig->breaks += broken;
    snprintf(broken ? rig->broken_text : rig->report_text, sizeof(rig->broken_text), "%s", text);
}

void rig_init(struct rig *rig, bool tracked)
{
    uint64_t stride = hf_inflight_stride(RIG_SIZE, HF_INFLIGHT_ALIGNMENT);
    size_t rings_bytes = (size_t)RIG_QUEUES * 16384;
    struct hf_memory_region region;

    memset(rig, 0, sizeof(*rig));
    rig->guest_bytes = (size_t)RIG_SLOTS * RIG_SLOT_BYTES + rings_bytes;
    rig->guest = shared(rig->guest_bytes);
    region = (struct hf_memory_region){
        .guest_address = RIG_GUEST_BASE,
        .user_address = (uint64_t)(uintptr_t)rig->guest,
        .size_bytes = rig->guest_bytes,
        .host = rig->guest,
    };
    assert_int_equal(hf_memory_add(&rig->memory, &region), HF_MEMORY_FAULT_NONE);
    for (unsigned i = 0; i < RIG_QUEUES; i++)
        init_ring(rig, &rig->rings[i],
                  rig->guest + (size_t)RIG_SLOTS * RIG_SLOT_BYTES + (size_t)i * 16384);
    rig->tracked = tracked;
    if (tracked)
        assert_int_equal(hf_inflight_region_init(&rig->region, shared(stride * RIG_QUEUES),
                                                 stride * RIG_QUEUES, RIG_QUEUES),
                         HF_INFLIGHT_FAULT_NONE);
    rig->nexus.units = rig->units;
    rig->nexus.unit_count = HF_ARRAY_COUNT(rig->units);
    rig->nexus.report = report;
    rig->nexus.context = rig;
}

void rig_open(struct rig *rig, const char *const *words, unsigned threads)
{
    struct hf_crew_options options = {
        .threads = threads,
        .avoid_io_uring = getenv("HF_TEST_AVOID_IO_URING") != NULL,
    };
    struct hf_error error = { 0 };

    for (unsigned i = 0; words[i]; i++) {
        rig->units[i] = hf_unit_open(words[i], i, &error);
        if (!rig->units[i])
            fail_msg("%s", error.text);
    }
    rig->crew = hf_crew_new(&options, &error);
    if (!rig->crew)
        fail_msg("%s", error.text);
}

void rig_make(struct rig *rig, const char *words, unsigned threads)
{
    const char *list[] = { words, NULL };

    rig_init(rig, true);
    rig_open(rig, list, threads);
}

void rig_serve(struct rig *rig, const char *words, unsigned threads, unsigned queues)
{
    rig_make(rig, words, threads);
    rig_start_all(rig, queues);
}

void rig_done(struct rig *rig)
{
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        struct rig_answer answer;

        if (rig->nexus.queues[i])
            rig_stop(rig, i, &answer);
    }
    hf_crew_free(rig->crew);
    for (unsigned i = 0; i < HF_ARRAY_COUNT(rig->units); i++)
        hf_unit_close(rig->units[i]);
    for (unsigned i = 0; i < RIG_QUEUES; i++) {
        close(rig->rings[i].kick);
        close(rig->rings[i].call);
        close(rig->rings[i].err);
    }
    if (rig->tracked)
        munmap(rig->region.base, rig->region.size_bytes);
    munmap(rig->guest, rig->guest_bytes);
    if (rig->other)
        munmap(rig->other, rig->guest_bytes);
}

/* ---- orders ---- */

static void answered(void *context, const struct hf_queue_answer *answer)
{
    struct rig_answer *into = context;

    into->here = true;
    into->answer = *answer;
    snprintf(into->text, sizeof(into->text), "%s", answer->text ? answer->text : "");
}

struct hf_queue_reply rig_reply(struct rig_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    return (struct hf_queue_reply){ .call = answered, .context = answer };
}

static void dispatch(struct rig *rig)
{
    struct pollfd waits = { .fd = hf_crew_fd(rig->crew), .events = POLLIN };

    if (poll(&waits, 1, 1) > 0)
        hf_crew_dispatch(rig->crew);
}

void rig_wait_answer(struct rig *rig, struct rig_answer *answer)
{
    uint64_t end = now_ms() + RIG_PATIENCE_MS;

    while (!answer->here) {
        assert_true(now_ms() < end);
        dispatch(rig);
        rig_poll(rig);
    }
}

void rig_start(struct rig *rig, unsigned index, bool enabled, struct rig_answer *answer)
{
    struct rig_ring *ring = &rig->rings[index];
    struct hf_queue_setup setup = {
        .index = index,
        .base = (uint16_t)(hf_ring_used_index(&ring->ring) + rig->base_ahead),
        .features = HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX),
        .ring = ring->ring,
        .memory = &rig->memory,
        .region = rig->region,
        .kick_fd = dup(ring->kick),
        .call_fd = dup(ring->call),
        .err_fd = dup(ring->err),
        .enabled = enabled,
    };
    struct hf_error error = { 0 };

    if (rig->log)
        setup.log = *rig->log;

    assert_non_null(hf_queue_start(rig->crew, &rig->nexus, &setup, rig_reply(answer), &error));
    rig_wait_answer(rig, answer);
}

void rig_start_all(struct rig *rig, unsigned queues)
{
    struct rig_answer answer;

    for (unsigned i = 0; i < queues; i++) {
        rig_start(rig, i, true, &answer);
        assert_int_equal(answer.answer.result, 0);
    }
}

void rig_stop(struct rig *rig, unsigned index, struct rig_answer *answer)
{
    hf_queue_stop(rig->nexus.queues[index], rig_reply(answer));
    rig_wait_answer(rig, answer);
}

/* ---- scratch files and patterns ---- */

void scratch_make(char *path, size_t path_size, uint64_t size_bytes)
{
    int fd;

    snprintf(path, path_size, "scratch-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
    close(fd);
}

void scratch_read(const char *path, uint64_t offset, void *into, size_t size_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, into, size_bytes, (off_t)offset), (ssize_t)size_bytes);
    close(fd);
}

void pattern_fill(uint8_t *bytes, size_t size_bytes, uint32_t seed)
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8) * 13);
}

void pattern_assert(const uint8_t *bytes, size_t size_bytes, uint32_t seed)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] != (uint8_t)(seed * 31 + i * 7 + (i >> 8) * 13))
            fail_msg("byte %zu of pattern %u is wrong", i, seed);
    }
}
