/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast bench: the options of a bench, named as users of fio know them. */
#include "subcommand.h"
#include "words.h"

#include "base/duration.h"
#include "bench/report.h"
#include "scsi/lun.h"

#include <argp.h>
#include <stdlib.h>

#define EXIT_NOT_RUN 2
#define QUEUES_MAX   64u
#define OFFSET_MAX   (UINT64_C(1) << 62)

struct options {
    struct hf_bench_settings settings;
    const char *mix; /* --rwmixread: after --rw is known */
    bool allow_write;
    bool json;
};

enum option_key {
    KEY_RW = 0x100,
    KEY_MIX,
    KEY_BS,
    KEY_IODEPTH,
    KEY_QUEUES,
    KEY_RUNTIME,
    KEY_LUN,
    KEY_OFFSET,
    KEY_SIZE,
    KEY_SEED,
    KEY_POLL,
    KEY_ALLOW_WRITE,
    KEY_JSON,
};

static const struct argp_option option_table[] = {
    { "rw", KEY_RW, "HOW", 0, "read, write, rw, randread, randwrite or randrw (randread)", 0 },
    { "rwmixread", KEY_MIX, "PERCENT", 0, "Reads among the requests of rw and randrw (50)", 0 },
    { "bs", KEY_BS, "BYTES", 0, "Size of a request (4k)", 0 },
    { "iodepth", KEY_IODEPTH, "N", 0, "Requests in flight on each queue (32)", 0 },
    { "queues", KEY_QUEUES, "N", 0, "Request queues (1)", 0 },
    { "runtime", KEY_RUNTIME, "TIME", 0, "How long: 5, 5s, 500ms (5s)", 0 },
    { "lun", KEY_LUN, "[TARGET:]LUN", 0,
      "Which disk; 3 is LUN 3 of target 0, 2:0 LUN 0 of target 2 (the first that serves)", 0 },
    { "offset", KEY_OFFSET, "BYTES", 0, "Where on the disk to begin (0)", 0 },
    { "size", KEY_SIZE, "BYTES", 0, "How much of the disk to use (to its end)", 0 },
    { "seed", KEY_SEED, "N", 0, "Another order of blocks (1)", 0 },
    { "poll", KEY_POLL, NULL, 0,
      "Watch the rings instead of waiting for calls; takes a whole processor", 0 },
    { "allow-write", KEY_ALLOW_WRITE, NULL, 0,
      "Let a --rw that writes overwrite the disk: what was on it is LOST", 0 },
    { "json", KEY_JSON, NULL, 0, "Print one JSON object", 0 },
    { 0 }
};

/* ---- words to values ---- */

static struct hf_access_kind kind(const char *word, struct argp_state *state)
{
    const struct hf_access_kind *found = hf_access_kind_find(word);

    if (found == NULL)
        argp_error(state, "--rw=%s: read, write, rw, randread, randwrite or randrw", word);
    return *found;
}

static uint64_t runtime(const char *word, struct argp_state *state)
{
    uint64_t value = 0;

    if (!hf_duration_parse(word, &value) || value == 0)
        argp_error(state, "--runtime=%s: write a time up to a day as 5, 5s or 500ms", word);
    return value;
}

static void choose_lun(struct hf_bench_settings *settings, const char *word,
                       struct argp_state *state)
{
    unsigned target = 0;
    unsigned lun = 0;
    int length = 0;
    bool pair = sscanf(word, "%3u:%5u%n", &target, &lun, &length) == 2;
    bool one = !pair && (target = 0, sscanf(word, "%5u%n", &lun, &length)) == 1;

    if ((!pair && !one) || word[length] != 0 || target > UINT8_MAX || lun > HF_LUN_MAX)
        argp_error(state,
                   "--lun=%s: write LUN or TARGET:LUN, as 0 or 2:0; targets go to %u, LUNs "
                   "to %u",
                   word, UINT8_MAX, HF_LUN_MAX);
    settings->chosen = true;
    settings->target = (uint8_t)target;
    settings->lun = (uint16_t)lun;
}

/* ---- the table's other half ---- */

static error_t parse_size(int key, const char *word, struct argp_state *state)
{
    struct hf_bench_settings *settings = &((struct options *)state->input)->settings;

    switch (key) {
    case KEY_BS:
        settings->block_size_bytes = (uint32_t)word_bytes("bs", word, 512, 16u << 20, state);
        return 0;
    case KEY_IODEPTH:
        settings->depth = (uint16_t)word_number("iodepth", word, 1, HF_INITIATOR_DEPTH_MAX, state);
        return 0;
    case KEY_QUEUES:
        settings->queues = (uint16_t)word_number("queues", word, 1, QUEUES_MAX, state);
        return 0;
    case KEY_OFFSET:
        settings->offset_bytes = word_bytes("offset", word, 0, OFFSET_MAX, state);
        return 0;
    case KEY_SIZE:
        settings->size_bytes = word_bytes("size", word, 512, OFFSET_MAX, state);
        return 0;
    case KEY_SEED:
        settings->seed = word_number("seed", word, 0, INT64_MAX, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void take_socket(struct hf_bench_settings *settings, const char *word,
                        struct argp_state *state)
{
    if (settings->socket_path != NULL)
        argp_error(state, "one socket at a time; \"%s\" is too much", word);
    settings->socket_path = word;
}

static void check_together(struct options *options, struct argp_state *state)
{
    struct hf_bench_settings *settings = &options->settings;

    if (settings->socket_path == NULL)
        argp_error(state, "which socket?");
    if (hf_access_writes(&settings->kind) && !options->allow_write)
        argp_error(state,
                   "--rw=%s overwrites the disk: say --allow-write if what is on it may be "
                   "lost",
                   settings->kind.name);
    if (options->mix != NULL && !settings->kind.mixed)
        argp_error(state, "--rwmixread is for --rw=rw and --rw=randrw");
    if (options->mix != NULL)
        settings->kind.read_percent =
            (unsigned)word_number("rwmixread", options->mix, 0, 100, state);
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_RW:
        options->settings.kind = kind(word, state);
        return 0;
    case KEY_MIX:
        options->mix = word;
        return 0;
    case KEY_RUNTIME:
        options->settings.runtime_ns = runtime(word, state);
        return 0;
    case KEY_LUN:
        choose_lun(&options->settings, word, state);
        return 0;
    case KEY_POLL:
        options->settings.polls = true;
        return 0;
    case KEY_ALLOW_WRITE:
        options->allow_write = true;
        return 0;
    case KEY_JSON:
        options->json = true;
        return 0;
    case ARGP_KEY_ARG:
        take_socket(&options->settings, word, state);
        return 0;
    case ARGP_KEY_END:
        check_together(options, state);
        return 0;
    default:
        return parse_size(key, word, state);
    }
}

static const char *const description =
    "Measure a vhost-user-scsi back-end, or a relay before one: requests a second, bandwidth, and "
    "how long a request takes.\vNothing is verified: \"holdfast drill\" does that. The first disk "
    "that serves is used.\n\n"
    "Exit status: 0 measured; 1 measured, and requests failed or were not answered; 2 it could not "
    "be run.";

static const struct argp parser = { option_table, parse, "SOCKET", description, NULL, NULL, NULL };

static int tell(const struct options *options, const struct hf_bench_outcome *outcome)
{
    int ret = 0;

    if (options->json)
        ret = hf_bench_print_json(stdout, &options->settings, outcome);
    else
        hf_bench_print_text(stdout, &options->settings, outcome);
    fflush(stdout);
    hf_bench_print_trouble(stderr, outcome);
    if (ret < 0)
        return EXIT_NOT_RUN;
    return hf_bench_good(outcome) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_bench(int count, char **arguments)
{
    static struct hf_bench_outcome outcome;
    struct options options = { .settings = hf_bench_settings_default };
    struct hf_error error = { 0 };

    options.settings.kind = *hf_access_kind_find("randread");
    argp_err_exit_status = EXIT_NOT_RUN;
    argp_parse(&parser, count, arguments, 0, NULL, &options);
    int ret = word_check_socket(options.settings.socket_path, &error);
    if (ret == 0)
        ret = hf_bench_run(&options.settings, &outcome, &error);
    if (ret == 0)
        return tell(&options, &outcome);
    fprintf(stderr, "holdfast bench: %s\n", error.text);
    return EXIT_NOT_RUN;
}

const struct hf_subcommand hf_subcommand_bench = { "bench", "measure a back-end", run_bench };
