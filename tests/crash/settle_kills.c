/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settle_kills VICTIM [quick|long]: the front-end settles what a dead device left, and is itself
 * interrupted: every write of src/frontend/settle.c is cut short after every entry and header. What
 * lies in the region then is judged like any other death (judge.c): settled again, recovered by us,
 * by DPDK's way, in another stride. A write that was cut short returns so, and nothing may be
 * written after it: that is the same region as a kill in the middle of it leaves. (The kernel looks
 * for a kill between pages; 16 bytes aligned to 16 lie in one, and are written whole.)
 *
 * And the reason for all this: DPDK's way without our settling must go wrong on a batch.
 */
#include "frontend/effects.h"
#include "judge.h"
#include "life.h"
#include "report.h"
#include "scenario.h"
#include "stepper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGION_OFFSET 64u /* in its file */
#define FILE_BYTES    4096u
#define PIECE         ((long)sizeof(struct hf_inflight_entry))

/* ---- the write that is cut short: the linker sends settle.c's writes here ---- */

static long bytes_left; /* that may still be written; < 0: the end has come */
static unsigned long bytes_written;

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off_t offset);
ssize_t __real_pwrite64(int fd, const void *bytes, size_t count, off_t offset);

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
    if (bytes_left < 0)
        crash_fail("the front-end writes on after a write that failed");
    size_t allowed = count < (size_t)bytes_left ? count : (size_t)bytes_left;
    ssize_t written = __real_pwrite64(fd, bytes, allowed, offset);
    bytes_left = allowed < count ? -1 : bytes_left - (long)allowed;
    bytes_written += allowed;
    return written;
}

/* ---- the front-end ---- */

static struct hf_frontend frontend;
static uint8_t *file;
static struct world *settled_world; /* whose rings the front-end looks at */

static bool read_indices(void *host, uint16_t queue, uint16_t *avail, uint16_t *used)
{
    struct hf_inflight_ring ring = world_indices(settled_world);

    (void)host;
    (void)queue;
    *avail = ring.avail_index;
    *used = ring.used_index;
    return true;
}

static void set_up_frontend(void)
{
    static const struct hf_frontend_ops ops = { .indices = read_indices };
    struct hf_plan *plan = &frontend.front.plan;
    int fd = memfd_create("region", MFD_CLOEXEC);

    hf_plan_init(plan, WORLD_QUEUES);
    plan->rings[WORLD_QUEUE].size = WORLD_RING_SIZE;
    plan->rings[WORLD_QUEUE].layout_generation = plan->rings[WORLD_QUEUE].ran = 1;
    plan->inflight = (struct hf_inflight_plan){ .generation = 1,
                                                .mmap_size = WORLD_REGION_BYTES,
                                                .mmap_offset = REGION_OFFSET,
                                                .queue_count = WORLD_QUEUES,
                                                .queue_size = WORLD_RING_SIZE,
                                                .fd = fd };
    frontend.ops = &ops;
    if (fd < 0 || ftruncate(fd, FILE_BYTES) < 0)
        crash_fail("no region: %s", strerror(errno));
    file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED)
        crash_fail("no region: %s", strerror(errno));
}

/* Settles the world's region with at most `bytes` written. */
static void settle(struct world *world, long bytes)
{
    settled_world = world;
    memcpy(file + REGION_OFFSET, world->region, WORLD_REGION_BYTES);
    bytes_left = bytes;
    bytes_written = 0;
    hf_frontend_settle(&frontend, true);
    memcpy(world->region, file + REGION_OFFSET, WORLD_REGION_BYTES);
}

static void check_settlement(struct world *world)
{
    const struct hf_settlement *settlement = &frontend.settlement;
    struct hf_inflight_queue queue = world_queue(world);
    uint16_t used_index = world_indices(world).used_index;

    if (settlement->settled.note != NULL)
        crash_fail("the front-end says: %s", settlement->settled.note);
    if (settlement->bases[WORLD_QUEUE] != used_index || queue.header->used_idx != used_index ||
        queue.header->version != HF_INFLIGHT_VERSION)
        crash_fail("a settled queue's base, used_idx or version is wrong");
    if (settlement->settled.in_flight != hf_inflight_count(&queue))
        crash_fail("the front-end counts %u in flight, %u are marked",
                   settlement->settled.in_flight, hf_inflight_count(&queue));
}

/* ---- interrupted everywhere ---- */

static unsigned long cuts;

static void interrupt_everywhere(struct judge *judge, const struct image *left)
{
    static struct image image;

    image = *left;
    settle(&image.world, LONG_MAX);
    check_settlement(&image.world);
    judge_image(judge, &image);
    long all = (long)bytes_written;
    for (long bytes = 0; bytes < all; bytes += PIECE) {
        crash_at(2, "the front-end dies after %ld bytes", bytes);
        image = *left;
        settle(&image.world, bytes);
        if (frontend.settlement.settled.note == NULL)
            crash_fail("a write that failed was not noticed");
        judge_image(judge, &image);
        cuts++;
    }
}

/* ---- without settling ---- */

static void be_dpdk(const struct image *left)
{
    static struct image image;
    static struct life life;

    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(2);
    image = *left;
    guest_enter(&image.guest, &image.world);
    uint16_t log_start = image.world.log_count;
    scenario_finish(&image.world, PERSONA_DPDK, 1, PICK_OLDEST);
    life_prepare(&life, &image.world);
    if (!life_run(&life))
        crash_fail("%s", life.complaint);
    judge_last_life(&image.world, &image.guest, log_start);
    _exit(0);
}

static bool dpdk_fails_alone(const struct image *left)
{
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        be_dpdk(left);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        crash_fail("no process: %s", strerror(errno));
    return status != 0;
}

/* ---- the deaths of the device ---- */

struct test {
    struct stepper stepper;
    struct judge judge;
    unsigned long deaths;
    unsigned long dpdk_failures;
};

static void judge_death(struct test *test, const struct image *image)
{
    crash_at(1, "instruction %lu", test->stepper.instruction);
    test->deaths++;
    test->dpdk_failures += dpdk_fails_alone(image);
    interrupt_everywhere(&test->judge, image);
}

static void try_scenario(struct test *test, const struct scenario *scenario)
{
    static struct image now;

    crash_at(0, "%s", scenario_text(scenario));
    scenario_begin(scenario, &now.world, &now.guest);
    memcpy(test->stepper.world, &now.world, sizeof(now.world));
    stepper_start(&test->stepper);
    judge_death(test, &now);
    while (stepper_step(&test->stepper)) {
        if (memcmp(&now.world, test->stepper.world, sizeof(now.world)) == 0)
            continue;
        memcpy(&now.world, test->stepper.world, sizeof(now.world));
        judge_death(test, &now);
    }
    stepper_finish(&test->stepper);
}

static unsigned try_all(struct test *test, bool quick)
{
    static const enum pattern patterns[] = { PATTERN_NEWEST_FIRST, PATTERN_TWO_BATCHES,
                                             PATTERN_LEFT_BEHIND };
    unsigned tried = 0;

    for (unsigned i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        for (unsigned batch = SCENARIO_BATCH_MAX; batch > (quick ? 7u : 0u); batch--)
            for (unsigned warm = 0; warm < 2; warm++) {
                struct scenario scenario = { .pattern = patterns[i],
                                             .batch = (uint8_t)batch,
                                             .event_index = batch & 1,
                                             .wrap = true,
                                             .warm = warm };
                try_scenario(test, &scenario);
                tried++;
            }
    return tried;
}

int main(int argc, char **argv)
{
    static struct test test;

    if (argc < 2)
        crash_fail("usage: settle_kills VICTIM [quick|long]");
    set_up_frontend();
    stepper_init(&test.stepper, argv[1]);
    unsigned scenarios = try_all(&test, argc < 3 || strcmp(argv[2], "quick") == 0);
    crash_at(0, "at the end");
    if (test.dpdk_failures == 0)
        crash_fail("DPDK's way alone never went wrong: the persona has not its defects");
    printf("%u scenarios, %lu deaths of the device (DPDK alone fails on %lu), "
           "%lu of the front-end after these, %lu different worlds left behind, %lu recoveries: "
           "nothing lost, nothing doubled\n",
           scenarios, test.deaths, test.dpdk_failures, cuts, test.judge.image_count,
           test.judge.life_count);
    judge_done(&test.judge);
    stepper_done(&test.stepper);
    return 0;
}
