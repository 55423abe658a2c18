/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where did the rings come to rest? A region and rings made by hand; the back-end that left them
 * is not trusted. That it may be interrupted anywhere is proved in tests/crash.
 */
#include "../cmocka_all.h"

#include "frontend/effects.h"
#include "os/fd.h"
#include "os/lock.h"
#include "ring/inflight.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define QUEUES 3u
#define SIZE   8u
#define STRIDE 192u /* 16 + 8 * 16, aligned to 64 */

struct rig {
    struct hf_frontend frontend;
    uint8_t *region;
    uint16_t avail[QUEUES];
    uint16_t used[QUEUES];
};

static bool indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    const struct rig *rig = host;

    assert_in_range(queue, 0, QUEUES - 1);
    *avail = rig->avail[queue];
    *used = rig->used[queue];
    return true;
}

static int set_up(void **state)
{
    static const struct hf_frontend_ops ops = { .indices = indices };
    static struct hf_frontend_ops own_ops;
    struct rig *rig = calloc(1, sizeof(*rig));
    struct hf_plan *plan = &rig->frontend.front.plan;
    int fd = memfd_create("region", MFD_CLOEXEC);

    assert_int_equal(ftruncate(fd, QUEUES * STRIDE), 0);
    rig->region = mmap(NULL, QUEUES * STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(rig->region, MAP_FAILED);
    hf_plan_init(plan, QUEUES);
    for (unsigned i = 0; i < QUEUES; i++) {
        plan->rings[i].size = SIZE;
        plan->rings[i].ran = plan->rings[i].layout_generation = 1;
    }
    plan->inflight = (struct hf_inflight_plan){ .generation = 1,
                                                .mmap_size = QUEUES * STRIDE,
                                                .queue_count = QUEUES,
                                                .queue_size = SIZE,
                                                .fd = fd };
    own_ops = ops;
    own_ops.host = rig;
    rig->frontend.ops = &own_ops;
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    munmap(rig->region, QUEUES * STRIDE);
    close(rig->frontend.front.plan.inflight.fd);
    free(rig);
    return 0;
}

static struct hf_inflight_header *header_of(struct rig *rig, unsigned queue)
{
    return (void *)(rig->region + (size_t)queue * STRIDE);
}

static void mark(struct rig *rig, unsigned queue, unsigned head, uint64_t counter)
{
    struct hf_inflight_entry *entries = (void *)(header_of(rig, queue) + 1);

    entries[head].inflight = 1;
    entries[head].counter = counter;
}

static const struct hf_settled *settled(struct rig *rig)
{
    hf_frontend_settle(&rig->frontend, true);
    return &rig->frontend.settlement.settled;
}

static void a_fresh_region_begins_where_the_rings_stand(void **state)
{
    struct rig *rig = *state;

    rig->used[2] = rig->avail[2] = 7;
    assert_null(settled(rig)->note);
    assert_int_equal(header_of(rig, 2)->version, 1);
    assert_int_equal(header_of(rig, 2)->used_idx, 7);
    assert_int_equal(rig->frontend.settlement.bases[2], 7);
    assert_false(settled(rig)->clean); /* the base of ring 2 was not the answer of a stop */
}

static void what_is_in_flight_is_counted_and_the_oldest_named(void **state)
{
    struct rig *rig = *state;

    settled(rig);
    rig->avail[0] = 1;
    rig->avail[2] = 2;
    mark(rig, 0, 5, 9);
    mark(rig, 2, 3, 4);
    mark(rig, 2, 6, 5);
    const struct hf_settled *result = settled(rig);
    assert_null(result->note);
    assert_int_equal(result->in_flight, 3);
    assert_true(result->has_oldest);
    assert_int_equal(result->oldest_queue, 2);
    assert_int_equal(result->oldest_head, 3);
    assert_int_equal(result->bases[2], 0); /* used, not available */
    assert_false(result->clean);
}

static void a_stop_that_left_nothing_is_clean(void **state)
{
    struct rig *rig = *state;

    settled(rig);
    rig->used[1] = rig->avail[1] = rig->frontend.front.plan.rings[1].base = 4;
    header_of(rig, 1)->used_idx = 4;
    const struct hf_settled *result = settled(rig);
    assert_null(result->note);
    assert_true(result->clean);
    assert_int_equal(result->in_flight, 0);
}

/* Who died was a go-between. */
static void a_region_that_is_in_use_is_left_to_its_user(void **state)
{
    struct rig *rig = *state;

    settled(rig);
    HF_AUTO_FD int user = hf_lock_part(rig->frontend.front.plan.inflight.fd, 0, QUEUES * STRIDE);
    assert_true(user >= 0);
    rig->avail[0] = 2;
    rig->used[0] = 1; /* head 0, a batch of one, is answered; its mark is not gone yet */
    mark(rig, 0, 0, 1);
    mark(rig, 0, 5, 9);
    assert_int_equal(settled(rig)->in_flight, 1);
    assert_int_equal(header_of(rig, 0)->used_idx, 0);
    hf_fd_close(&user);
    settled(rig);
    assert_int_equal(header_of(rig, 0)->used_idx, 1);
}

/* Then it cannot be known whether somebody uses it. */
static void a_region_that_cannot_be_locked_for_want_of_descriptors_is_not_written(void **state)
{
    struct rig *rig = *state;
    struct rlimit kept, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &kept), 0);
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = kept.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    settled(rig);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &kept), 0);
    assert_int_equal(header_of(rig, 0)->version, 0);
    settled(rig);
    assert_int_equal(header_of(rig, 0)->version, 1);
}

static void a_region_that_became_shorter_is_noted(void **state)
{
    struct rig *rig = *state;

    assert_int_equal(ftruncate(rig->frontend.front.plan.inflight.fd, QUEUES * STRIDE - 1), 0);
    rig->used[0] = rig->avail[0] = rig->frontend.front.plan.rings[0].base = 3;
    assert_string_equal(settled(rig)->note, "the in-flight region is shorter than it was");
    assert_int_equal(rig->frontend.settlement.bases[0], 3);
    assert_false(settled(rig)->clean); /* who knows what it marks */
}

/* Each of its queues may be sound; the front-end has no rings for them. */
static void a_region_for_more_rings_than_there_can_be_is_noted(void **state)
{
    struct rig *rig = *state;
    struct hf_inflight_plan *plan = &rig->frontend.front.plan.inflight;

    plan->queue_count = 60000;
    plan->mmap_size = 60000 * (uint64_t)STRIDE;
    assert_int_equal(ftruncate(plan->fd, (off_t)plan->mmap_size), 0);
    assert_non_null(settled(rig)->note);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Hazard: a back-end that leaves used_idx 0 in a region given to rings that are further on. */
static void a_region_begins_with_the_used_indices_of_its_rings(void **state)
{
    struct rig *rig = *state;

    for (unsigned i = 0; i < QUEUES; i++) {
        rig->avail[i] = rig->used[i] = (uint16_t)(1000 + i);
        rig->frontend.front.plan.rings[i].ran = 0;
    }
    hf_frontend_begin_region(&rig->frontend);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(header_of(rig, i)->version, HF_INFLIGHT_VERSION);
        assert_int_equal(header_of(rig, i)->desc_num, SIZE);
        assert_int_equal(header_of(rig, i)->used_idx, 1000 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_region_begins_with_the_used_indices_of_its_rings),
        WITH_RIG(a_fresh_region_begins_where_the_rings_stand),
        WITH_RIG(what_is_in_flight_is_counted_and_the_oldest_named),
        WITH_RIG(a_stop_that_left_nothing_is_clean),
        WITH_RIG(a_region_that_is_in_use_is_left_to_its_user),
        WITH_RIG(a_region_that_cannot_be_locked_for_want_of_descriptors_is_not_written),
        WITH_RIG(a_region_that_became_shorter_is_noted),
        WITH_RIG(a_region_for_more_rings_than_there_can_be_is_noted),
    };

    return cmocka_run_group_tests_name("frontend/settle", tests, NULL, NULL);
}
