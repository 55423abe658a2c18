/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks through all lives, depth first. */
#include "explore.h"

#include "case.h"
#include "guard.h"

#include <stdlib.h>
#include <string.h>

/* At 12 bytes each. */
#define EXPLORED_MAX ((size_t)1 << 22)
#define GREEN_MAX    ((size_t)1 << 27)
#define TRAIL_MAX    2000u
/* How many messages are to come: it has not ended yet. */
#define UNKNOWN UINT32_MAX

/* ---- copies of the world --------------------------------------------------------------------- */

#define COPY_LIST(to, from, list, count)                                                           \
    memcpy((to)->list, (from)->list, (size_t)(count) * sizeof((from)->list[0]))
#define COPY_RANGE(to, from, first, end)                                                           \
    memcpy((uint8_t *)(to) + offsetof(struct sim_world, first),                                    \
           (const uint8_t *)(from) + offsetof(struct sim_world, first),                            \
           offsetof(struct sim_world, end) - offsetof(struct sim_world, first))

static void copy_events(struct sim_events *to, const struct sim_events *from)
{
    memcpy(to, from, offsetof(struct sim_events, list));
    for (unsigned i = 0; i < from->count; i++)
        to->list[from->keys[i].place] = from->list[from->keys[i].place];
}

static void copy_memory(struct sim_memory *to, const struct sim_memory *from)
{
    const size_t tail = offsetof(struct sim_memory, inflight_count);

    to->verdict = from->verdict;
    COPY_LIST(to, from, objects, from->object_count + 1);
    to->object_count = from->object_count;
    COPY_LIST(to, from, rings, SIM_QUEUES_MAX);
    COPY_LIST(to, from, inflight, from->inflight_count);
    memcpy((uint8_t *)to + tail, (const uint8_t *)from + tail, sizeof(*from) - tail);
}

/* What is in use of it. Pointers into it still mean the world that runs: a copy is only good for
 * being copied back. */
static void copy_world(struct sim_world *to, const struct sim_world *from)
{
    COPY_RANGE(to, from, verdict, events);
    copy_events(&to->events, &from->events);
    memcpy(&to->fds, &from->fds, offsetof(struct sim_fds, list));
    COPY_LIST(&to->fds, &from->fds, list, from->fds.count);
    copy_memory(&to->memory, &from->memory);
    COPY_RANGE(to, from, vmm, processes);
    COPY_LIST(to, from, processes, from->process_count);
    COPY_RANGE(to, from, process_count, effects);
    to->tally = from->tally;
}

/* ---- one life -------------------------------------------------------------------------------- */

bool sim_explorer_init(struct sim_explorer *explorer, const struct sim_case *situation)
{
    bool complete = true;

    memset(explorer, 0, sizeof(*explorer));
    explorer->situation = *situation;
    explorer->situation.fault_count = 0;
    explorer->world = malloc(sizeof(*explorer->world));
    explorer->reading = malloc(sizeof(*explorer->reading));
    sim_numbers_init(&explorer->green, GREEN_MAX);
    for (unsigned i = 0; i < SIM_FAULTS_MAX; i++) {
        explorer->before[i] = malloc(sizeof(*explorer->before[i]));
        sim_numbers_init(&explorer->explored[i], EXPLORED_MAX);
        complete = complete && explorer->before[i] != NULL;
    }
    return complete && explorer->world != NULL && explorer->reading != NULL;
}

void sim_explorer_done(struct sim_explorer *explorer)
{
    for (unsigned i = 0; i < SIM_FAULTS_MAX; i++) {
        free(explorer->before[i]);
        sim_numbers_done(&explorer->explored[i]);
    }
    sim_numbers_done(&explorer->green);
    free(explorer->reading);
    free(explorer->world);
}

static uint64_t number_of(struct sim_explorer *explorer)
{
    return sim_state_number(explorer->world, explorer->reading);
}

static void note_red(struct sim_explorer *explorer)
{
    if (explorer->red++ < explorer->red_max)
        sim_case_print_red(&explorer->situation, explorer->world->verdict.text);
}

/* Only these are handed to the core, which sends. */
static bool may_send(const struct sim_world *world)
{
    const struct sim_event *next = sim_events_next(&world->events);

    return next != NULL && (next->kind == SIM_EVENT_FRONT || next->kind == SIM_EVENT_TIMER ||
                            next->kind == SIM_EVENT_SETTLE || next->kind == SIM_EVENT_DEATH ||
                            next->kind == SIM_EVENT_EOF);
}

/* Where a life has been. */
struct trail {
    uint64_t numbers[TRAIL_MAX];
    uint32_t length;
    uint32_t sent;
    unsigned step;
    uint64_t number;   /* of the world now */
    bool doubts;       /* it goes on whatever is known, */
    uint32_t expected; /* and so many messages are to come */
    bool is_apart;
};

/* Since the last time it was asked. */
static bool has_sent(struct sim_explorer *explorer, struct trail *trail)
{
    if (trail->step == explorer->world->step)
        return false;
    trail->step = explorer->world->step;
    trail->number = number_of(explorer);
    trail->sent++;
    explorer->messages++;
    return true;
}

/*
 * A life that was where another one has been, and goes on all the same, ends well and as many
 * messages later as that one did. On its way it comes to where that one was; or else numbers tell
 * apart what is the same, and lives are run that need not be.
 */
static void judge_doubt(struct sim_explorer *explorer, const uint32_t *found, struct trail *trail)
{
    /* That one has not come to its end itself yet. */
    if (trail->expected == UNKNOWN)
        return;
    if (found == NULL) {
        explorer->apart += !trail->is_apart;
        trail->is_apart = true;
    } else if (*found != UNKNOWN && *found != trail->expected) {
        sim_fail(&explorer->world->verdict, "state: %u messages were to come after it, now %u",
                 trail->expected, *found);
    }
}

static void judge_end(struct sim_explorer *explorer, const struct trail *trail)
{
    if (trail->doubts && trail->expected != UNKNOWN && trail->expected != 0)
        sim_fail(&explorer->world->verdict, "state: %u messages were still to come",
                 trail->expected);
}

static void doubt(struct sim_explorer *explorer, const uint32_t *found, struct trail *trail)
{
    if (trail->doubts) {
        trail->expected -= trail->expected != UNKNOWN;
        judge_doubt(explorer, found, trail);
        return;
    }
    explorer->joined++;
    if (explorer->doubt == 0 || explorer->joined % explorer->doubt != 0)
        return;
    explorer->doubted++;
    trail->doubts = true;
    trail->expected = *found;
}

/* If not, it is where this life has been now. */
static bool is_known(struct sim_explorer *explorer, const struct sim_numbers *numbers,
                     struct trail *trail, uint32_t *rest)
{
    const uint32_t *found = sim_numbers_find(numbers, trail->number);

    if (found != NULL || trail->doubts)
        doubt(explorer, found, trail);
    if (found != NULL && !trail->doubts) {
        *rest = *found;
        return true;
    }
    if (trail->length < TRAIL_MAX)
        trail->numbers[trail->length++] = trail->number;
    return false;
}

/* How many messages come after the first place, if `rest` come after the last. */
static uint32_t messages_of(const struct trail *trail, uint32_t rest)
{
    if (trail->sent == 0 || rest == UNKNOWN)
        return rest;
    return trail->sent - 1 + rest;
}

static void add_trail(struct sim_numbers *numbers, const struct trail *trail, uint32_t rest)
{
    uint32_t messages = messages_of(trail, rest);

    for (uint32_t i = 0; i < trail->length; i++)
        sim_numbers_add(numbers, trail->numbers[i], messages == UNKNOWN ? UNKNOWN : messages - i);
}

/* Nothing more goes wrong: to the end, or to where it is known how it ends. What it passes through
 * is known only then: who comes back to where he was never ends. */
static void live_on(struct sim_explorer *explorer)
{
    struct sim_world *world = explorer->world;
    struct trail trail = { .step = world->step - 1 };
    uint32_t rest = 0;

    while (!world->verdict.red) {
        if (has_sent(explorer, &trail) && is_known(explorer, &explorer->green, &trail, &rest))
            break;
        if (sim_story_step(world))
            continue;
        judge_end(explorer, &trail);
        break;
    }
    if (world->verdict.red)
        note_red(explorer);
    else
        add_trail(&explorer->green, &trail, rest);
}

/* ---- all lives ------------------------------------------------------------------------------- */

static uint32_t walk(struct sim_explorer *explorer, unsigned left);

/* The world stands before a message: the fault happens at it. Returns how many messages come after
 * it if nothing else goes wrong. */
static uint32_t suffer(struct sim_explorer *explorer, enum sim_fault fault, unsigned left)
{
    struct sim_case *situation = &explorer->situation;
    struct sim_world *world = explorer->world;
    uint32_t messages = 0;

    world->situation.faults[0] = (struct sim_planned){ world->step, fault };
    world->situation.fault_count = 1;
    situation->faults[situation->fault_count++] = world->situation.faults[0];
    sim_guard_note(situation);
    explorer->lives++;
    sim_story_step(world);
    world->situation.fault_count = 0;
    if (left > 0)
        messages = walk(explorer, left);
    else
        live_on(explorer);
    situation->fault_count--;
    return messages;
}

static void suffer_all(struct sim_explorer *explorer, const struct sim_world *before, unsigned left)
{
    for (unsigned fault = SIM_FAULT_NONE + 1; fault < SIM_FAULT_COUNT; fault++) {
        copy_world(explorer->world, before);
        uint32_t messages = suffer(explorer, (enum sim_fault)fault, left - 1);

        if (left == 2)
            explorer->cases += 1 + (uint64_t)messages * (SIM_FAULT_COUNT - 1);
    }
    copy_world(explorer->world, before);
    sim_guard_note(&explorer->situation);
}

/* One event. If it sends a message, what may happen at that happens first. */
static bool step_through(struct sim_explorer *explorer, unsigned left)
{
    struct sim_world *world = explorer->world;
    struct sim_world *before = explorer->before[left - 1];
    bool copied = may_send(world);
    unsigned step = world->step;

    if (copied)
        copy_world(before, world);
    bool goes_on = sim_story_step(world);
    if (world->step == step || world->verdict.red)
        return goes_on;
    if (!copied || world->step != step + 1) {
        sim_fail(&world->verdict, "explore: %u messages from an unknown event", world->step - step);
        return false;
    }
    /* Faults that do nothing are over soon. */
    sim_numbers_add(&explorer->green, number_of(explorer), UNKNOWN);
    suffer_all(explorer, before, left);
    return sim_story_step(world);
}

/* With `left` more faults to come. Returns how many messages come without them. */
static uint32_t walk(struct sim_explorer *explorer, unsigned left)
{
    struct sim_world *world = explorer->world;
    struct sim_numbers *explored = &explorer->explored[left - 1];
    struct trail trail = { .step = world->step - 1 };
    uint32_t rest = 0;

    while (!world->verdict.red) {
        if (has_sent(explorer, &trail) && is_known(explorer, explored, &trail, &rest))
            break;
        if (step_through(explorer, left))
            continue;
        judge_end(explorer, &trail);
        break;
    }
    if (world->verdict.red)
        note_red(explorer);
    add_trail(explored, &trail, rest);
    return messages_of(&trail, rest);
}

unsigned sim_explorer_begin(struct sim_explorer *explorer)
{
    struct sim_world *world = explorer->world;
    struct trail trail = { .step = 0 };
    uint32_t rest;

    sim_guard_note(&explorer->situation);
    sim_story_open(world, &explorer->situation);
    do {
        if (has_sent(explorer, &trail))
            is_known(explorer, &explorer->green, &trail, &rest);
    } while (sim_story_step(world));
    if (world->verdict.red)
        note_red(explorer);
    /* One fault fewer from here on: that is a life with one fault in all, and it is run. */
    add_trail(&explorer->explored[0], &trail, 0);
    add_trail(&explorer->green, &trail, 0);
    return world->step;
}

void sim_explorer_run(struct sim_explorer *explorer, unsigned step)
{
    struct sim_world *world = explorer->world;
    struct sim_world *before = explorer->before[SIM_FAULTS_MAX - 1];

    sim_story_open(world, &explorer->situation);
    while (world->step <= step && !world->verdict.red) {
        copy_world(before, world);
        if (!sim_story_step(world))
            return;
    }
    suffer_all(explorer, before, SIM_FAULTS_MAX);
}
