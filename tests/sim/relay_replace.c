/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The relay dies, and another one goes on in its place: it has the record, the descriptors that are
 * in it, and the socket to the VMM. All else is gone: the front core and its session, what the edge
 * had noted, the effects that were not carried out. (Who ran the rings last is a descriptor in the
 * record; here the edge goes on knowing it.)
 */
#include "world.h"

#include <string.h>

/* Only where it will be read: it is large. */
static bool is_recorded(const struct sim_world *world)
{
    return world->relay != NULL && world->situation.replaced_at != 0 && !world->relay->gone;
}

void sim_relay_record_plan(struct sim_world *world)
{
    if (is_recorded(world) && !hf_relay_record_has(&world->relay->record, &world->front.plan))
        hf_relay_record_plan(&world->relay->record, &world->front.plan);
}

void sim_relay_record(struct sim_world *world, const struct hf_relay_effects *effects)
{
    struct sim_relay *relay = world->relay;

    if (is_recorded(world))
        hf_relay_record_write(&relay->record, &relay->core, &relay->promise, effects);
    relay->record.writer_fd = -1;
}

void sim_relay_record_acted(struct sim_world *world)
{
    if (is_recorded(world))
        hf_relay_record_acted(&world->relay->record);
}

bool sim_relay_dies(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    if (relay == NULL)
        return false;
    relay->gone |= ++relay->instants == world->situation.replaced_at;
    return relay->gone;
}

/* ---- descriptors ----------------------------------------------------------------------------- */

struct table {
    struct sim_world *world;
    bool kept[SIM_FDS_MAX];
    int numbers[SIM_FDS_MAX]; /* in the next process; 0: it has it not */
};

static void keep(struct table *table, int fd)
{
    if (fd >= SIM_FDS_FIRST)
        table->kept[fd - SIM_FDS_FIRST] = true;
}

static void keep_message(struct table *table, const struct hf_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        keep(table, message->fds[i]);
}

/* What is on its way in a socket is nobody's. */
static void keep_what_is_on_its_way(struct table *table)
{
    const struct sim_events *events = &table->world->events;
    const struct sim_relay *relay = table->world->relay;

    for (unsigned i = 0; i < events->count; i++) {
        const struct sim_event *event = &events->list[events->keys[i].place];

        keep_message(table, &event->message);
        if (event->kind == SIM_EVENT_FRONT && event->front.kind == HF_EVENT_CONVERTED)
            keep(table, event->front.offer.fd);
    }
    for (unsigned i = 0; i < relay->inbox_count; i++)
        keep_message(table, &relay->inbox[i]);
}

/* As if it came with a message: another number of the same thing. */
static void hand_over(void *context, int *fd)
{
    struct table *table = context;
    int *number = &table->numbers[*fd - SIM_FDS_FIRST];

    if (*number == 0)
        *number = sim_fd_dup(&table->world->fds, *fd, SIM_OWNER_PLAN);
    keep(table, *number);
    *fd = *number;
}

static void close_the_rest(struct table *table)
{
    struct sim_fds *fds = &table->world->fds;

    for (int i = 0; i < fds->count; i++)
        if (fds->list[i].open && fds->list[i].owner != SIM_OWNER_PEER && !table->kept[i])
            sim_fd_close(fds, i + SIM_FDS_FIRST);
}

/* ---- the next one ---------------------------------------------------------------------------- */

static void forget(struct sim_world *world)
{
    struct sim_relay *relay = world->relay;

    relay->gone = relay->feeding = relay->fed = false;
    relay->changed = relay->answered = false;
    relay->look = relay->parted = true;
    relay->lost = HF_FAULT_NONE;
    relay->question = relay->waiting.request = 0;
    relay->armed_ns = 0;
    relay->timer_serial++;
    world->edge.timer_serial++;
    world->edge.sending = false;
    world->tally.questions_answered = world->tally.questions_asked;
}

static void begin_anew(struct sim_world *world, struct hf_relay_effects *effects)
{
    uint32_t dial = world->front.last_dial;

    hf_front_init(&world->front, &world->situation.settings, world->situation.queue_count);
    world->front.last_dial = dial;
    hf_relay_record_restore(&world->relay->record, &world->relay->core, &world->front,
                            world->now_ns, effects);
    /* Of what was settled before, the one that is gone had to tell. */
    world->vmm.crashed = hf_plan_any_ran(&world->front.plan);
}

void sim_relay_replace(struct sim_world *world)
{
    static struct table table;
    struct hf_relay_effects effects;

    sim_world_note(world, "another relay takes over");
    if (hf_relay_record_fault(&world->relay->record, sizeof(world->relay->record)) != NULL)
        sim_fail(&world->verdict, "relay: there is no record to go on with");
    sim_edge_hang_up(world);
    memset(&table, 0, sizeof(table));
    table.world = world;
    keep_what_is_on_its_way(&table);
    hf_relay_record_each_fd(&world->relay->record, hand_over, &table);
    close_the_rest(&table);
    forget(world);
    begin_anew(world, &effects);
    sim_relay_follow_epoch(world);
    sim_relay_act(world, &effects);
    if (world->vmm.wanted || world->relay->served)
        sim_world_feed(world, 0, (struct hf_event){ .kind = HF_EVENT_START });
}
