/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dozen stories a newcomer should know, as transcripts: test_transcripts [--rewrite] FOLDER
 * compares each with FOLDER/NAME.txt, exactly. Read a change of one as a change of behaviour.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_NS (600 * SIM_S)

static struct sim_case two_rings(const struct sim_persona *persona)
{
    struct sim_case situation = sim_case_of(persona);

    situation.queue_count = 2;
    return situation;
}

/* What comes before is known from the first story. */
static void begin_unseen(struct sim_world *world, struct sim_case situation, FILE *out)
{
    situation.transcript = NULL;
    sim_story_begin(world, &situation);
    world->situation.transcript = out;
}

static void first_start(struct sim_world *world, FILE *out)
{
    struct sim_case situation = two_rings(&sim_persona_ours);

    situation.transcript = out;
    sim_story_begin(world, &situation);
}

static void clean_stop(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_story_act(world, SIM_ACTION_PAUSE);
    sim_story_act(world, SIM_ACTION_RESUME);
}

static void crash(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_story_act(world, SIM_ACTION_KILL);
}

static void memory_with_slots(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_story_act(world, SIM_ACTION_MEMORY_ADD);
    sim_story_act(world, SIM_ACTION_MEMORY_REMOVE);
}

static void memory_without_slots(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_dpdk), out);
    sim_story_act(world, SIM_ACTION_MEMORY_ADD);
    sim_story_act(world, SIM_ACTION_MEMORY_REMOVE);
}

static void dirty_log(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_dpdk), out);
    sim_story_act(world, SIM_ACTION_LOG_ON);
    sim_story_act(world, SIM_ACTION_LOG_OFF);
}

static void guest_reset(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_story_act(world, SIM_ACTION_RESET);
}

static void silent_back_end(struct sim_world *world, FILE *out)
{
    struct sim_case situation = two_rings(&sim_persona_ours);

    situation.transcript = out;
    situation.faults[0] = (struct sim_planned){ .step = 0, .fault = SIM_FAULT_SILENT_BEFORE };
    situation.fault_count = 1;
    sim_story_begin(world, &situation);
}

/* The fault happens at the next message. */
static void provoke(struct sim_world *world, enum sim_fault fault, enum sim_action action)
{
    world->situation.faults[0] = (struct sim_planned){ .step = world->step, .fault = fault };
    world->situation.fault_count = 1;
    sim_story_act(world, action);
}

static void feature_lacking(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    provoke(world, SIM_FAULT_NEXT_LACKS_FEATURE, SIM_ACTION_CALL);
}

static void layout_differs(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    provoke(world, SIM_FAULT_NEXT_OTHER_STRIDE, SIM_ACTION_CALL);
}

static void layout_impossible(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    provoke(world, SIM_FAULT_NEXT_SEALED_REGION, SIM_ACTION_CALL);
}

static void memory_refused(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_dpdk), out);
    provoke(world, SIM_FAULT_NAK, SIM_ACTION_MEMORY_ADD);
}

static void stop_unanswered(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    world->situation.faults[0] =
        (struct sim_planned){ .step = world->step + 2, .fault = SIM_FAULT_SILENT };
    world->situation.fault_count = 1;
    sim_story_act(world, SIM_ACTION_PAUSE);
}

static bool recovered(const struct sim_world *world)
{
    return sim_story_all_done(world);
}

static void back_off_and_appearance(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_world_note(world, "== the back-end is killed, and started again only after a second");
    world->no_restart = true;
    sim_process_kill(sim_process_present(world));
    sim_world_pass(world, SIM_S);
    world->no_restart = false;
    sim_world_later(world, 0, (struct sim_event){ .kind = SIM_EVENT_RESTART });
    sim_world_pass(world, SIM_MS);
    sim_world_run(world, recovered, WAIT_NS);
}

static bool is_suspected(const struct sim_world *world)
{
    return world->tally.reports[HF_REPORT_REQUEST_KILLS] > 0;
}

static void request_that_kills(struct sim_world *world, FILE *out)
{
    begin_unseen(world, two_rings(&sim_persona_ours), out);
    sim_world_note(world, "== a request kills whoever executes it");
    world->poison = world->memory.last_request + 1;
    sim_vmm_give_quota(world, 3);
    sim_world_run(world, is_suspected, WAIT_NS);
    sim_world_note(world, "== from now on it is harmless");
    world->poison = 0;
    sim_world_run(world, recovered, WAIT_NS);
}

static bool has_failed(const struct sim_world *world)
{
    return world->front.phase == HF_PHASE_FAILED;
}

static void outage_limit(struct sim_world *world, FILE *out)
{
    struct sim_case situation = two_rings(&sim_persona_ours);

    situation.settings.outage_limit_ns = 300 * SIM_MS;
    begin_unseen(world, situation, out);
    sim_world_note(world, "== the back-end is killed, and nobody starts another");
    world->no_restart = true;
    sim_process_kill(sim_process_present(world));
    sim_world_run(world, has_failed, WAIT_NS);
    sim_world_pass(world, SIM_S);
    sim_world_note(world, "== there is one again, and the host says start");
    world->no_restart = false;
    sim_world_later(world, 0, (struct sim_event){ .kind = SIM_EVENT_RESTART });
    sim_world_pass(world, SIM_MS);
    sim_vmm_do(world, SIM_ACTION_START);
    sim_world_run(world, recovered, WAIT_NS);
}

static const struct {
    const char *name;
    void (*tell)(struct sim_world *world, FILE *out);
} stories[] = {
    { "first-start", first_start },
    { "clean-stop-and-resume", clean_stop },
    { "crash-with-requests-in-flight", crash },
    { "memory-hot-plug-with-slots", memory_with_slots },
    { "memory-hot-plug-without-slots", memory_without_slots },
    { "dirty-log-while-running", dirty_log },
    { "guest-reset", guest_reset },
    { "silent-back-end", silent_back_end },
    { "next-lacks-a-feature", feature_lacking },
    { "next-has-another-layout", layout_differs },
    { "next-cannot-take-the-region", layout_impossible },
    { "memory-table-refused", memory_refused },
    { "stop-never-answered", stop_unanswered },
    { "back-off-and-appearance", back_off_and_appearance },
    { "request-that-kills", request_that_kills },
    { "outage-limit", outage_limit },
};

/* The story ends as every story does, unseen: stop, hang-up, all ledgers balance. */
static char *tell(struct sim_world *world, unsigned which)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    stories[which].tell(world, out);
    fprintf(out, "            %llu requests, %llu completed, each once\n",
            (unsigned long long)(world->memory.posted - world->memory.abandoned),
            (unsigned long long)world->memory.completed);
    world->situation.transcript = NULL;
    sim_vmm_do(world, SIM_ACTION_RESUME);
    sim_story_end(world);
    fclose(out);
    return text;
}

static bool matches(const char *path, const char *text)
{
    FILE *in = fopen(path, "r");
    size_t length = strlen(text);
    char *known = calloc(1, length + 2);
    bool same = in != NULL && known != NULL && fread(known, 1, length + 1, in) == length &&
                memcmp(known, text, length) == 0;

    if (in != NULL)
        fclose(in);
    free(known);
    return same;
}

static bool write_it(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");
    bool written = out != NULL && fputs(text, out) >= 0;

    return out != NULL && fclose(out) == 0 && written;
}

static bool check(struct sim_world *world, unsigned which, const char *folder, bool rewrite)
{
    char path[500];
    char *text = tell(world, which);
    bool good = text != NULL && !world->verdict.red;

    snprintf(path, sizeof(path), "%s/%s.txt", folder, stories[which].name);
    if (world->verdict.red)
        printf("RED %s: %s\n", stories[which].name, world->verdict.text);
    if (good && rewrite)
        good = write_it(path, text);
    else if (good && !matches(path, text)) {
        good = false;
        printf("%s is another story now (--rewrite if it should be):\n%s", path, text);
    }
    printf("%s %s\n", good ? "ok" : "not ok", stories[which].name);
    free(text);
    return good;
}

int main(int argc, char **argv)
{
    bool rewrite = argc == 3 && strcmp(argv[1], "--rewrite") == 0;
    struct sim_world *world = malloc(sizeof(*world));
    unsigned bad = 0;

    if (world == NULL || (argc != 2 && !rewrite)) {
        fprintf(stderr, "usage: test_transcripts [--rewrite] FOLDER\n");
        free(world);
        return 2;
    }
    for (unsigned i = 0; i < sizeof(stories) / sizeof(stories[0]); i++)
        bad += !check(world, i, argv[argc - 1], rewrite);
    free(world);
    return bad > 0;
}
