/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crash_points VICTIM [quick|long|full]: a device dies after instruction N, for all N.
 *
 * The victim (the real src/ring, -O2) is stepped through one instruction at a time, from its first
 * look at the ring to its last. A process that is killed after instruction N leaves of itself
 * exactly what shared memory holds at that moment: a single thread's stores are done in the order
 * of its instructions, nothing of them is pending once another process runs on the same memory, and
 * its registers, stack and heap go with it. So a copy of the world after instruction N is that
 * kill; most instructions change nothing there, and equal copies are judged once. That this
 * reasoning holds is shown by a sample of real SIGKILLs, each recovered by a freshly executed
 * process: what they leave must be one of the copies.
 *
 * Judging is recovering in all ways (judge.c). Recovery keeps nothing outside of struct life (the
 * purity check of the tools proves that of src/ring), so on a copy it is as good as in a new
 * process. Then the recovering life itself is stepped through, from each copy; and the guest is let
 * in at each copy, to take and to post, before the same life goes on.
 */
#include "judge.h"
#include "report.h"
#include "scenario.h"
#include "stepper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES_MAX 4096u

struct effort {
    const char *name;
    unsigned scenario_stride;     /* every n-th scenario */
    unsigned second_death_every;  /* of the scenarios gone through; 0: none */
    unsigned second_death_images; /* every n-th image of such a scenario */
    unsigned kills;
};

static const struct effort efforts[] = {
    { "quick", 23, 13, 12, 10 },
    { "long", 1, 67, 8, 200 },
    { "full", 1, 4, 2, 1000 },
};

struct test {
    const struct effort *effort;
    struct stepper stepper;
    struct judge judge;
    struct image now;     /* what there is after the last instruction */
    struct image *images; /* different ones of the last life that was kept */
    unsigned image_count;
    unsigned long lives;
    unsigned long second_lives;
    unsigned long kills;
};

/* ---- one life, instruction by instruction ---- */

static void note_change(struct test *test, bool keep)
{
    test->now.instruction = test->stepper.instruction;
    memcpy(&test->now.world, test->stepper.world, sizeof(test->now.world));
    judge_image(&test->judge, &test->now);
    if (keep && test->image_count < IMAGES_MAX)
        test->images[test->image_count++] = test->now;
}

static bool changed(const struct test *test)
{
    return memcmp(&test->now.world, test->stepper.world, sizeof(test->now.world)) != 0;
}

static void begin_life(struct test *test, const struct image *from)
{
    test->lives++;
    test->now = *from;
    memcpy(test->stepper.world, &from->world, sizeof(from->world));
    stepper_start(&test->stepper);
}

/* Judges what is there after each instruction until the life ends. */
static void step_to_the_end(struct test *test, unsigned level, bool keep)
{
    while (stepper_step(&test->stepper)) {
        if (!changed(test))
            continue;
        crash_at(level, "instruction %lu", test->stepper.instruction);
        note_change(test, keep);
    }
    stepper_finish(&test->stepper);
}

/* ---- the three kinds of death ---- */

static void first_death(struct test *test, const struct image *begin)
{
    test->image_count = 0;
    begin_life(test, begin);
    note_change(test, true);
    step_to_the_end(test, 1, true);
    if (test->image_count < 10)
        crash_fail("only %u instructions changed anything", test->image_count);
}

/* The device that recovers dies as well. */
static void second_death(struct test *test, const struct image *image)
{
    struct image begin = *image;

    crash_at(1, "after instruction %lu a new device", image->instruction);
    /* Some at a time, so that old and new requests are out together. */
    scenario_finish(&begin.world, PERSONA_OURS, 3, PICK_NEWEST);
    test->second_lives++;
    begin_life(test, &begin);
    step_to_the_end(test, 2, false);
}

static void guest_acts(struct test *test)
{
    struct guest *guest = &test->now.guest;

    guest_enter(guest, test->stepper.world);
    guest_take(guest, test->stepper.world);
    guest_post(guest, test->stepper.world, 4);
    guest_kicks(guest);
}

/* The guest is at work while the device is: it acts after one instruction, death comes after any
 * later one. */
static void death_beside_the_guest(struct test *test, const struct image *begin,
                                   unsigned long instruction)
{
    crash_at(1, "the guest acts after instruction %lu", instruction);
    test->second_lives++;
    begin_life(test, begin);
    while (test->stepper.instruction < instruction)
        if (!stepper_step(&test->stepper))
            crash_fail("the same life was shorter the second time");
    guest_acts(test);
    note_change(test, false);
    step_to_the_end(test, 2, false);
}

/* ---- real kills ---- */

static void recover_for_real(struct test *test, const struct image *image)
{
    struct world *world = test->stepper.world;
    struct guest guest = image->guest;
    uint16_t log_start = world->log_count;

    scenario_finish(world, PERSONA_OURS, 3, PICK_ODD);
    stepper_run(&test->stepper);
    guest_enter(&guest, world);
    judge_last_life(world, &guest, log_start);
}

static void real_death(struct test *test, const struct image *begin, unsigned long instruction)
{
    struct image left = *begin;

    crash_at(1, "SIGKILL after instruction %lu", instruction);
    begin_life(test, begin);
    for (unsigned long i = 0; i < instruction; i++)
        if (!stepper_step(&test->stepper))
            crash_fail("the same life was shorter the second time");
    stepper_kill(&test->stepper);
    memcpy(&left.world, test->stepper.world, sizeof(left.world));
    if (!judge_knows(&test->judge, &left))
        crash_fail("a killed process left what no copy shows");
    recover_for_real(test, &left);
    test->kills++;
}

/* ---- all of it ---- */

static void deaths_in_the_recovery(struct test *test, const struct image *begin)
{
    for (unsigned i = 0; i < test->image_count; i += test->effort->second_death_images) {
        second_death(test, &test->images[i]);
        death_beside_the_guest(test, begin, test->images[i].instruction);
    }
}

static void try_scenario(struct test *test, unsigned index, unsigned nth)
{
    static struct image begin;
    const struct effort *effort = test->effort;
    struct scenario scenario = scenario_of(index);
    unsigned scenarios = SCENARIO_COUNT / effort->scenario_stride;

    crash_at(0, "%s", scenario_text(&scenario));
    scenario_begin(&scenario, &begin.world, &begin.guest);
    first_death(test, &begin);
    unsigned long length = test->stepper.instruction;
    unsigned kills = effort->kills * (nth + 1) / scenarios - effort->kills * nth / scenarios;
    for (unsigned i = 0; i < kills; i++)
        real_death(test, &begin, (unsigned long)random() % length);
    if (effort->second_death_every != 0 && nth % effort->second_death_every == 0)
        deaths_in_the_recovery(test, &begin);
}

static const struct effort *effort_named(const char *name)
{
    for (unsigned i = 0; i < sizeof(efforts) / sizeof(efforts[0]); i++)
        if (strcmp(efforts[i].name, name) == 0)
            return &efforts[i];
    crash_fail("usage: crash_points VICTIM [quick|long|full]");
}

int main(int argc, char **argv)
{
    static struct test test;
    unsigned nth = 0;

    test.effort = effort_named(argc > 2 ? argv[2] : "quick");
    test.images = calloc(IMAGES_MAX, sizeof(*test.images));
    if (argc < 2 || test.images == NULL)
        crash_fail("usage: crash_points VICTIM [quick|long|full]");
    stepper_init(&test.stepper, argv[1]);
    for (unsigned i = 0; i < SCENARIO_COUNT; i += test.effort->scenario_stride)
        try_scenario(&test, i, nth++);
    printf("%u scenarios, %lu lives (%lu of them second deaths or beside the guest), "
           "%lu instructions, %lu different worlds left behind, %lu recoveries, %lu real kills: "
           "nothing lost, nothing doubled\n",
           nth, test.lives, test.second_lives, test.stepper.total, test.judge.image_count,
           test.judge.life_count, test.kills);
    judge_done(&test.judge);
    stepper_done(&test.stepper);
    free(test.images);
    return 0;
}
