/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast drill: the options of a drill, and the way from its outcome to an exit status. */
#include "subcommand.h"
#include "words.h"

#include "drill/drill.h"
#include "drill/verdict_text.h"
#include "os/clock.h"

#include <argp.h>
#include <sys/random.h>
#include <unistd.h>

#define EXIT_NOT_RUN 2
#define SPAN_MS_MAX  3600000u

struct options {
    struct hf_drill_settings settings;
    bool json;
    bool each_kill;
};

enum option_key {
    KEY_KILLS = 0x100,
    KEY_SEED,
    KEY_IODEPTH,
    KEY_QUEUES,
    KEY_FRONT_ENDS,
    KEY_BS,
    KEY_MIX,
    KEY_DIRECT,
    KEY_DOWN,
    KEY_RUNTIME,
    KEY_RATE,
    KEY_RECOVERY,
    KEY_STUCK_AFTER,
    KEY_SIZE,
    KEY_FILE,
    KEY_POLL,
    KEY_VIA_RELAY,
    KEY_VICTIM,
    KEY_JSON,
    KEY_EACH_KILL,
    KEY_KEEP,
};

static const struct argp_option option_table[] = {
    { "kills", KEY_KILLS, "N", 0, "Kill the back-end N times (20)", 0 },
    { "seed", KEY_SEED, "N", 0,
      "Repeat the workload of that seed; the instant of a kill is never repeated (random)", 0 },
    { "iodepth", KEY_IODEPTH, "N", 0, "Requests in flight on each queue (64)", 0 },
    { "queues", KEY_QUEUES, "N", 0, "Request queues (1)", 0 },
    { "front-ends", KEY_FRONT_ENDS, "N", 0,
      "Front-ends at once, each with its own queues and its own blocks of the disk (1)", 0 },
    { "bs", KEY_BS, "BYTES", 0, "Size of a request (4k)", 0 },
    { "mix", KEY_MIX, "R:W:F", 0, "Percent of reads, writes and flushes (30:62:8)", 0 },
    { "direct", KEY_DIRECT, NULL, 0, "Serve the file with cache=none (O_DIRECT)", 0 },
    { "down", KEY_DOWN, "MS..MS", 0, "Pause between a death and the next start (0..100)", 0 },
    { "runtime", KEY_RUNTIME, "MS..MS", 0, "Load between a recovery and a kill (100..400)", 0 },
    { "rate", KEY_RATE, "N", 0,
      "At most N requests a second; a low rate leaves the back-end idle at most kills, which makes "
      "the drill inconclusive (no limit)",
      0 },
    { "recovery", KEY_RECOVERY, "HOW", 0,
      "inflight: the next back-end replays; driver: we offer our requests again on fresh rings; "
      "used-index: neither (loses data: shows what the drill sees); auto: inflight where offered, "
      "else driver (auto)",
      0 },
    { "stuck-after", KEY_STUCK_AFTER, "S", 0,
      "A request is stuck after so many seconds with a back-end listening (10)", 0 },
    { "size", KEY_SIZE, "BYTES", 0, "Size of the fresh file (64M)", 0 },
    { "file", KEY_FILE, "PATH", 0, "Where COMMAND keeps its data: checked at the end", 0 },
    { "poll", KEY_POLL, NULL, 0,
      "Watch the rings instead of waiting for calls; takes a whole processor", 0 },
    { "via-relay", KEY_VIA_RELAY, NULL, 0,
      "Put holdfast-relay between: no front-end may lose its connection, whatever is killed", 0 },
    { "victim", KEY_VICTIM, "WHO", 0,
      "Who is killed: back-end; with --via-relay also vmm (a front-end, and the next one connects "
      "in its place) or any of both, or both at once (back-end)",
      0 },
    { "json", KEY_JSON, NULL, 0, "Print the outcome as one JSON object", 0 },
    { "each-kill", KEY_EACH_KILL, NULL, 0, "Have every kill in that object by itself", 0 },
    { "keep", KEY_KEEP, NULL, 0,
      "If something was wrong, leave the file and the back-end's log, and say where they are", 0 },
    { 0 }
};

/* ---- words to values ---- */

static struct hf_drill_span span(const char *name, const char *word, struct argp_state *state)
{
    unsigned first = 0;
    unsigned last = 0;
    int length = 0;

    if (sscanf(word, "%u..%u%n", &first, &last, &length) != 2 || word[length] != 0 ||
        last > SPAN_MS_MAX || first > last)
        argp_error(state, "--%s=%s: write two milliseconds as 0..100", name, word);
    return (struct hf_drill_span){ .first_ms = first, .last_ms = last };
}

static struct hf_workload_mix mix(const char *word, struct argp_state *state)
{
    struct hf_workload_mix value = { 0 };
    int length = 0;

    if (sscanf(word, "%u:%u:%u%n", &value.read, &value.write, &value.flush, &length) != 3 ||
        word[length] != 0 || value.read > 100 || value.write > 100 || value.flush > 100 ||
        value.read + value.write + value.flush != 100 || value.write == 0)
        argp_error(state,
                   "--mix=%s: three percentages, reads:writes:flushes, that make 100, with "
                   "some writes",
                   word);
    return value;
}

static enum hf_recovery recovery(const char *word, struct argp_state *state)
{
    enum hf_recovery value = HF_RECOVERY_AUTO;

    if (!hf_recovery_parse(word, &value))
        argp_error(state, "--recovery=%s: auto, inflight, driver or used-index", word);
    return value;
}

static enum hf_drill_victim victim(const char *word, struct argp_state *state)
{
    enum hf_drill_victim value = HF_DRILL_VICTIM_BACK_END;

    if (!hf_drill_victim_parse(word, &value))
        argp_error(state, "--victim=%s: back-end, vmm or any", word);
    return value;
}

/* ---- the table's other half ---- */

static error_t parse_size(int key, const char *word, struct argp_state *state)
{
    struct hf_drill_settings *settings = &((struct options *)state->input)->settings;

    switch (key) {
    case KEY_KILLS:
        settings->kills = (unsigned)word_number("kills", word, 1, HF_TIMELINE_KILLS_MAX, state);
        return 0;
    case KEY_SEED:
        settings->seed = word_number("seed", word, 0, INT64_MAX, state);
        return 0;
    case KEY_IODEPTH:
        settings->depth = (uint16_t)word_number("iodepth", word, 1, HF_INITIATOR_DEPTH_MAX, state);
        return 0;
    case KEY_QUEUES:
        settings->queues = (uint16_t)word_number("queues", word, 1, 64, state);
        return 0;
    case KEY_FRONT_ENDS:
        settings->front_ends =
            (uint16_t)word_number("front-ends", word, 1, HF_DRILL_FRONT_ENDS_MAX, state);
        return 0;
    case KEY_BS:
        settings->block_size_bytes = (uint32_t)word_bytes("bs", word, 512, 1u << 20, state);
        return 0;
    case KEY_SIZE:
        settings->size_bytes = word_bytes("size", word, 512, UINT64_C(1) << 40, state);
        return 0;
    case KEY_RATE:
        settings->rate = (uint32_t)word_number("rate", word, 1, 1000000, state);
        return 0;
    case KEY_STUCK_AFTER:
        settings->stuck_after_ns = word_number("stuck-after", word, 1, 3600, state) * HF_NS_PER_S;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Everything from the first word that is no option is the command. */
static error_t take_command(struct argp_state *state)
{
    struct hf_drill_settings *settings = &((struct options *)state->input)->settings;

    settings->command = state->argv + state->next - 1;
    state->next = state->argc;
    return 0;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct options *options = state->input;
    struct hf_drill_settings *settings = &options->settings;

    switch (key) {
    case KEY_MIX:
        settings->mix = mix(word, state);
        return 0;
    case KEY_DIRECT:
        settings->direct = true;
        return 0;
    case KEY_DOWN:
        settings->down = span("down", word, state);
        return 0;
    case KEY_RUNTIME:
        settings->runtime = span("runtime", word, state);
        return 0;
    case KEY_RECOVERY:
        settings->recovery = recovery(word, state);
        return 0;
    case KEY_FILE:
        settings->file = word;
        return 0;
    case KEY_POLL:
        settings->polls = true;
        return 0;
    case KEY_VIA_RELAY:
        settings->via_relay = true;
        return 0;
    case KEY_VICTIM:
        settings->victim = victim(word, state);
        return 0;
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_EACH_KILL:
        options->each_kill = true;
        return 0;
    case KEY_KEEP:
        settings->keep = true;
        return 0;
    case ARGP_KEY_SUCCESS:
        if (settings->victim != HF_DRILL_VICTIM_BACK_END && !settings->via_relay)
            argp_error(state, "--victim=vmm and any need --via-relay: without one, there is nobody "
                              "to lose a VMM");
        return 0;
    case ARGP_KEY_ARG:
        return take_command(state);
    default:
        return parse_size(key, word, state);
    }
}

static const char *const description =
    "Put a disk under verified load, kill its back-end at random moments, start it again, and say "
    "what was lost.\vWithout COMMAND a fresh file is served by holdfast-target. COMMAND is any "
    "vhost-user-scsi back-end; {socket} in it is replaced by the path to listen at, {file} by that "
    "of a fresh file, {ready-fd} and {lock-fd} by numbers of descriptors for what holdfast-target "
    "writes with its options of these names. The first disk that can be written is "
    "used, and what was on it is LOST.\n\n"
    "Exit status: 0 clean; 1 something was lost, duplicated, corrupted, failed or stuck; 2 the "
    "drill could not run, or was inconclusive (fewer than 90 % of the kills met a request).";

static const struct argp parser = { option_table, parse, "[-- COMMAND ...]", description, NULL,
                                    NULL,         NULL };

static void check_together(const struct options *options)
{
    const struct hf_drill_settings *settings = &options->settings;

    if (settings->command != NULL && settings->direct)
        fputs("holdfast drill: --direct does not change COMMAND: say cache=none there\n", stderr);
    if (settings->command == NULL && settings->file != NULL)
        fputs("holdfast drill: --file is ignored: a fresh file is served\n", stderr);
    if (options->each_kill && !options->json)
        fputs("holdfast drill: --each-kill is for --json\n", stderr);
}

static int report(const struct options *options, const struct hf_drill_outcome *outcome)
{
    if (!options->json)
        hf_drill_print_text(stdout, &options->settings, outcome);
    else if (hf_drill_print_json(stdout, &options->settings, outcome, options->each_kill) < 0)
        return EXIT_NOT_RUN;
    return hf_verdict_exit_code(outcome->verdict);
}

static int run_drill(int count, char **arguments)
{
    struct options options = { .settings = hf_drill_settings_default };
    static struct hf_drill_outcome outcome;
    struct hf_error error = { 0 };
    uint32_t seed = 0;
    int status = EXIT_NOT_RUN;

    if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
        options.settings.seed = seed;
    argp_err_exit_status = EXIT_NOT_RUN;
    argp_parse(&parser, count, arguments, ARGP_IN_ORDER, NULL, &options);
    check_together(&options);
    options.settings.progress = isatty(STDERR_FILENO) != 0;
    if (hf_drill_run(&options.settings, &outcome, &error) < 0)
        fprintf(stderr, "holdfast drill: %s\n", error.text);
    else
        status = report(&options, &outcome);
    if (outcome.kept[0] != 0)
        fprintf(stderr, "holdfast drill: kept %s\n", outcome.kept);
    hf_drill_outcome_done(&outcome);
    return status;
}

const struct hf_subcommand hf_subcommand_drill = { "drill", "kill a back-end under load, verify",
                                                   run_drill };
