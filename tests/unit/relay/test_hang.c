/* SPDX-License-Identifier: BSD-3-Clause */
/* Which back-end counts as hung. The pump rests: what was decided stays to be seen. */
#include "relay/device_private.h"

#include "cmocka_all.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/region.h"

#include <stdlib.h>
#include <unistd.h>

#define AVAIL UINT64_C(0)
#define USED  UINT64_C(1024)
#define SIZE  UINT64_C(4096)
#define SOON  (20 * HF_NS_PER_MS)

struct bench {
    struct hf_relay_device device;
    struct hf_frontend frontend;
    struct hf_frontend_ops frontend_ops;
    struct hf_relay_device_ops ops;
    struct hf_relay_type type;
    int memory;
};

static void no_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    (void)host;
    (void)device;
    (void)level;
    (void)text;
}

static bool always(uint16_t ring)
{
    (void)ring;
    return true;
}

static bool never(uint16_t ring)
{
    (void)ring;
    return false;
}

static void set_index(struct bench *bench, uint64_t ring_part, uint16_t index)
{
    assert_int_equal(pwrite(bench->memory, &index, sizeof(index), (off_t)(ring_part + 2)),
                     sizeof(index));
}

/* One ring runs, and has work. */
static void set_up_ring(struct bench *bench)
{
    struct hf_plan *plan = hf_frontend_plan(&bench->frontend);
    const struct hf_ring_addresses places = { .avail = AVAIL, .used = USED };
    const struct hf_region_plan region = { .size_bytes = SIZE, .fd = bench->memory };

    assert_int_equal(hf_plan_add_region(plan, &region), 0);
    hf_plan_set_ring(plan, 0, 8, &places, 0);
    bench->frontend.front.session.rings[0].generation[HF_ROW_SET_VRING_KICK] = 1;
    bench->frontend.front.phase = HF_PHASE_RUNNING;
    set_index(bench, AVAIL, 1);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    const struct hf_frontend_config config = { .socket_path = "/nowhere/at/all",
                                               .socket_fd = -1,
                                               .queue_count = 1 };
    struct hf_error error = { 0 };

    bench->ops = (struct hf_relay_device_ops){ .log = no_log };
    assert_int_equal(hf_frontend_init(&bench->frontend, &config, &bench->frontend_ops, &error), 0);
    assert_int_equal(hf_loop_init(&bench->device.loop), 0);
    bench->memory = hf_region_create("guest", SIZE);
    assert_true(bench->memory >= 0);
    bench->type.progresses = always;
    bench->device.ops = &bench->ops;
    bench->device.config.name = "disk";
    bench->device.config.type = &bench->type;
    bench->device.config.hang_after_ns = SOON;
    bench->device.backend = &bench->frontend;
    bench->device.pumping = true;
    set_up_ring(bench);
    hf_relay_hang_init(&bench->device);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    hf_relay_hang_done(&bench->device);
    hf_loop_done(&bench->device.loop);
    hf_frontend_done(&bench->frontend); /* with the memory */
    free(bench);
    return 0;
}

/* Within four times the patience. */
static bool is_cut(struct bench *bench)
{
    uint64_t end_ns = hf_clock_ns() + 4 * SOON;

    while (!bench->frontend.cut && hf_clock_ns() < end_ns) {
        usleep(1000);
        hf_loop_dispatch(&bench->device.loop, 0);
    }
    return bench->frontend.cut;
}

static void work_without_progress_is_a_hang(void **state)
{
    assert_true(is_cut(*state));
}

static void a_ring_without_work_does_not_hang(void **state)
{
    struct bench *bench = *state;

    set_index(bench, USED, 1);
    assert_false(is_cut(bench));
}

static void a_ring_where_buffers_wait_does_not_hang(void **state)
{
    struct bench *bench = *state;

    bench->type.progresses = never;
    assert_false(is_cut(bench));
}

/* The VMM does not want it served; the back-end is well. */
static void a_ring_that_is_disabled_does_not_hang(void **state)
{
    struct bench *bench = *state;

    hf_plan_set_enabled(hf_frontend_plan(&bench->frontend), 0, false);
    assert_false(is_cut(bench));
    hf_plan_set_enabled(hf_frontend_plan(&bench->frontend), 0, true);
    assert_true(is_cut(bench));
}

static void a_ring_that_cannot_be_read_does_not_hang(void **state)
{
    struct bench *bench = *state;
    int fd = hf_plan_remove_region(hf_frontend_plan(&bench->frontend), 0, SIZE);

    assert_false(is_cut(bench));
    hf_fd_close(&fd);
}

int main(void)
{
#define ONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ONE(work_without_progress_is_a_hang),          ONE(a_ring_without_work_does_not_hang),
        ONE(a_ring_where_buffers_wait_does_not_hang),  ONE(a_ring_that_is_disabled_does_not_hang),
        ONE(a_ring_that_cannot_be_read_does_not_hang),
    };

    return cmocka_run_group_tests_name("relay/hang", tests, NULL, NULL);
}
