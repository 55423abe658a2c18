/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two tables make the options: the words of a device (relay/setup.h), and the few of the program.
 * getopt_long splits the words and stays silent: the one line about a bad word is ours.
 */
#include "relay/options.h"

#include "base/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_PROGRAM 256  /* + row */
#define CODE_DEVICE  1024 /* + row */
#define OPTIONS_MAX  48u

struct program_row {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
    int (*take)(struct hf_relay_options *options, const char *word, struct hf_error *error);
};

static int take_config(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    (void)error;
    options->config_path = word;
    return 0;
}

static int take_control(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    options->control_path = word;
    return hf_stream_check_path(word, error);
}

static int take_ready_fd(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    size_t length = strspn(word, "0123456789");

    if (length == 0 || length > 9 || word[length] != '\0')
        return hf_error_set(error, EINVAL, "not the number of a descriptor");
    options->ready_fd = (int)strtol(word, NULL, 10);
    return 0;
}

static int take_verbose(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->verbose = true;
    return 0;
}

static int take_trace(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->trace = true;
    return 0;
}

static int take_help(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->task = HF_RELAY_TASK_HELP;
    return 0;
}

static int take_version(struct hf_relay_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->task = HF_RELAY_TASK_VERSION;
    return 0;
}

static const struct program_row rows[] = {
    { "config", "FILE", "many devices, from this file (holdfast-relay.json(5))", take_config },
    { "control", "PATH", "answer holdfast status and holdfast switch on this socket",
      take_control },
    { "ready-fd", "N", "write the CLOCK_MONOTONIC time of listening (8 bytes, ns) here, close it",
      take_ready_fd },
    { "verbose", NULL, "say more", take_verbose },
    { "trace", NULL, "print every protocol message to standard error", take_trace },
    { "help", NULL, "print this, and exit", take_help },
    { "version", NULL, "print the version, and exit", take_version },
};

static struct option option_of(const char *name, const char *argument, int code)
{
    return (struct option){ .name = name,
                            .has_arg = argument ? required_argument : no_argument,
                            .val = code };
}

static void fill_getopt(struct option table[OPTIONS_MAX])
{
    unsigned count = 0;

    for (unsigned i = 0; hf_relay_word_at(i); i++)
        table[count++] = option_of(hf_relay_word_at(i)->name, hf_relay_word_at(i)->argument,
                                   CODE_DEVICE + (int)i);
    for (unsigned i = 0; i < HF_ARRAY_COUNT(rows); i++)
        table[count++] = option_of(rows[i].name, rows[i].argument, CODE_PROGRAM + (int)i);
    HF_CHECK(count < OPTIONS_MAX);
    table[count] = (struct option){ 0 };
}

/* getopt_long returns ':' for a missing argument, '?' for everything else it does not like. There
 * are no short options; in a cluster of them `word` is not yet the one it stumbled on. */
static int bad_word(int code, const char *word, struct hf_error *error)
{
    if (optopt > ' ' && optopt <= '~')
        return hf_error_set(error, EINVAL, "-%c: no such option (see --help)", optopt);
    if (code == ':')
        return hf_error_set(error, EINVAL, "%s needs a value (see --help)", word);
    return hf_error_set(error, EINVAL,
                        "%s: no such option, or a value where none belongs (see --help)", word);
}

/* *device: the first word of a device, to be named if it does not fit. */
static int take(struct hf_relay_options *options, int code, const char **device,
                struct hf_error *error)
{
    const struct program_row *row = code < CODE_DEVICE ? &rows[code - CODE_PROGRAM] : NULL;
    const struct hf_relay_word *word = row ? NULL : hf_relay_word_at((unsigned)code - CODE_DEVICE);
    const char *name = row ? row->name : word->name;

    if (word && !*device)
        *device = name;
    int failed =
        row ? row->take(options, optarg, error) : word->take(&options->device, optarg, error);
    if (failed < 0)
        hf_error_prefix(error, "--%s=%s", name, optarg ? optarg : "");
    return failed;
}

static int judge(const struct hf_relay_options *options, const char *device, struct hf_error *error)
{
    if (options->task != HF_RELAY_TASK_SERVE)
        return 0;
    if (options->config_path && device)
        return hf_error_set(error, EINVAL,
                            "--config and --%s exclude one another: the devices are in the file",
                            device);
    if (!options->config_path && !device)
        return hf_error_set(error, EINVAL,
                            "no device given: say --listen=VMM.sock --backend=BACK-END.sock, or "
                            "--config=FILE (see --help)");
    if (options->ready_fd >= 0 && options->ready_fd == options->device.fd)
        return hf_error_set(error, EINVAL, "--fd and --ready-fd are the same descriptor");
    return 0;
}

int hf_relay_options_parse(struct hf_relay_options *options, int count, char **words,
                           struct hf_error *error)
{
    struct option table[OPTIONS_MAX];
    const char *device = NULL;
    int code, failed = 0;

    *options = (struct hf_relay_options){ .ready_fd = -1 };
    hf_relay_setup_init(&options->device);
    fill_getopt(table);
    opterr = 0;
    optind = 0;
    while (failed == 0 && (code = getopt_long(count, words, ":", table, NULL)) != -1) {
        if (code < CODE_PROGRAM)
            return bad_word(code, words[optind - 1], error);
        failed = take(options, code, &device, error);
    }
    if (failed == 0 && optind < count)
        return hf_error_set(error, EINVAL, "%s: only options are possible (see --help)",
                            words[optind]);
    return failed < 0 ? failed : judge(options, device, error);
}

static void print_row(const char *name, const char *argument, const char *help)
{
    char left[64];

    snprintf(left, sizeof(left), "--%s%s%s", name, argument ? "=" : "", argument ? argument : "");
    printf("  %-22s %s\n", left, help);
}

void hf_relay_options_help(void)
{
    printf("Usage: holdfast-relay --listen=VMM.sock --backend=A.sock [OPTION]...\n"
           "       holdfast-relay --config=FILE [OPTION]...\n"
           "Stand between a VMM and a vhost-user back-end: the VMM never sees the back-end die.\n\n"
           "Of a device:\n");
    for (unsigned i = 0; hf_relay_word_at(i); i++)
        print_row(hf_relay_word_at(i)->name, hf_relay_word_at(i)->argument,
                  hf_relay_word_at(i)->help);
    printf("\nOf the program:\n");
    for (unsigned i = 0; i < HF_ARRAY_COUNT(rows); i++)
        print_row(rows[i].name, rows[i].argument, rows[i].help);
    printf("\nA TIME is 30s, 500ms, 5m or a number of seconds.\n");
}
