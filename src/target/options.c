/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table of options: name, what follows, what it says in --help, who parses it. getopt_long
 * splits the words and stays silent: the one line about a bad word is ours.
 */
#include "target/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/duration.h"
#include "target/feature_mask.h"
#include "target/worker.h"

struct option_row {
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
    /* 0, or -EINVAL with a line; `word` is NULL where there is no argument. */
    int (*parse)(struct hf_target_options *options, const char *word, struct hf_error *error);
};

/* An option that takes a number: its name and what it may be. */
struct number_option {
    const char *name;
    uint64_t least;
    uint64_t most;
};

static int parse_number(struct number_option option, const char *word, uint64_t *number,
                        struct hf_error *error)
{
    char *end = NULL;

    errno = 0;
    unsigned long long value = strtoull(word, &end, 10);
    if (!isdigit((unsigned char)word[0]) || *end != '\0' || errno != 0 || value < option.least ||
        value > option.most)
        return hf_error_set(error, EINVAL, "--%s=%s: not a number from %llu to %llu", option.name,
                            word, (unsigned long long)option.least,
                            (unsigned long long)option.most);
    *number = value;
    return 0;
}

static int parse_socket_path(struct hf_target_options *options, const char *word,
                             struct hf_error *error)
{
    if (word[0] == '\0')
        return hf_error_set(error, EINVAL, "--socket-path=: the path is empty");
    options->socket_path = word;
    return 0;
}

static int parse_descriptor(const char *name, const char *word, int *fd, struct hf_error *error)
{
    uint64_t number = 0;
    int failed = parse_number((struct number_option){ name, 0, INT32_MAX }, word, &number, error);

    if (failed < 0)
        return failed;
    *fd = (int)number;
    return 0;
}

static int parse_fd(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    return parse_descriptor("fd", word, &options->socket_fd, error);
}

static int parse_ready_fd(struct hf_target_options *options, const char *word,
                          struct hf_error *error)
{
    return parse_descriptor("ready-fd", word, &options->ready_fd, error);
}

static int parse_lock_fd(struct hf_target_options *options, const char *word,
                         struct hf_error *error)
{
    return parse_descriptor("lock-fd", word, &options->lock_fd, error);
}

static int parse_queues(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    uint64_t number = options->queues;
    int failed = parse_number((struct number_option){ "queues", 1, HF_TARGET_QUEUES_MAX }, word,
                              &number, error);

    options->queues = (unsigned)number;
    return failed;
}

static int parse_threads(struct hf_target_options *options, const char *word,
                         struct hf_error *error)
{
    uint64_t number = 0;
    int failed =
        parse_number((struct number_option){ "threads", 1, HF_WORKER_MAX }, word, &number, error);

    options->threads = (unsigned)number;
    return failed;
}

static int parse_poll(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    uint64_t number = 0;
    int failed = parse_number((struct number_option){ "poll", 0, HF_TARGET_POLL_US_MAX }, word,
                              &number, error);

    options->poll_us = (uint32_t)number;
    return failed;
}

static int parse_mask(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    return hf_feature_mask_parse(&hf_virtio_feature_set, word, &options->masked_features, error);
}

static int parse_protocol_mask(struct hf_target_options *options, const char *word,
                               struct hf_error *error)
{
    return hf_feature_mask_parse(&hf_protocol_feature_set, word, &options->masked_protocol_features,
                                 error);
}

static int parse_lock_wait(struct hf_target_options *options, const char *word,
                           struct hf_error *error)
{
    if (!hf_duration_parse(word, &options->lock_wait_ns))
        return hf_error_set(error, EINVAL, "--lock-wait=%s: not a time like 30s or 500ms", word);
    return 0;
}

static int parse_trace(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->trace = true;
    return 0;
}

static int parse_verbose(struct hf_target_options *options, const char *word,
                         struct hf_error *error)
{
    (void)word;
    (void)error;
    options->verbose = true;
    return 0;
}

static int parse_capabilities(struct hf_target_options *options, const char *word,
                              struct hf_error *error)
{
    (void)word;
    (void)error;
    options->task = HF_TARGET_TASK_CAPABILITIES;
    return 0;
}

static int parse_help(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    options->task = HF_TARGET_TASK_HELP;
    return 0;
}

static int parse_version(struct hf_target_options *options, const char *word,
                         struct hf_error *error)
{
    (void)word;
    (void)error;
    options->task = HF_TARGET_TASK_VERSION;
    return 0;
}

static const struct option_row rows[] = {
    { "socket-path", "PATH", "make a vhost-user socket here and serve who connects",
      parse_socket_path },
    { "fd", "N", "serve this inherited socket instead, listening or connected", parse_fd },
    { "queues", "N", "request queues (default: 4)", parse_queues },
    { "threads", "N", "worker threads (default: one a queue, at most one a processor)",
      parse_threads },
    { "poll", "US", "microseconds a worker looks for work before it sleeps (default: 0)",
      parse_poll },
    { "mask-features", "LIST",
      "do not offer these: names (EVENT_IDX,INDIRECT_DESC) or a number (0x20000000)", parse_mask },
    { "mask-protocol-features", "LIST",
      "do not offer these: names (INFLIGHT_SHMFD,MQ) or a number (0x1000)", parse_protocol_mask },
    { "lock-wait", "TIME",
      "how long to wait for units that another process still holds (default: 30s)",
      parse_lock_wait },
    { "ready-fd", "N", "write the CLOCK_MONOTONIC time of listening (8 bytes, ns) here, close it",
      parse_ready_fd },
    { "lock-fd", "N",
      "when all units are locked, write here when another process was last seen to have one "
      "(CLOCK_MONOTONIC, 8 bytes, ns; 0: none had), close it",
      parse_lock_fd },
    { "trace", NULL, "print every protocol message to standard error", parse_trace },
    { "verbose", NULL, "say more", parse_verbose },
    { "print-capabilities", NULL, "print what this program can do as JSON, and exit",
      parse_capabilities },
    { "help", NULL, "print this, and exit", parse_help },
    { "version", NULL, "print the version, and exit", parse_version },
};

#define ROW_COUNT HF_ARRAY_COUNT(rows)

static void fill_getopt(struct option *table)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        table[i] = (struct option){ .name = rows[i].name,
                                    .has_arg = rows[i].argument ? required_argument : no_argument,
                                    .val = (int)i + 256 };
    table[ROW_COUNT] = (struct option){ 0 };
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
                        "%s: no such option, or a value where none belongs (see "
                        "--help)",
                        word);
}

static int take_unit(struct hf_target_options *options, const char *word, struct hf_error *error)
{
    if (options->unit_count == HF_TARGET_UNITS_MAX)
        return hf_error_set(error, EINVAL, "%s: more than %d units", word, HF_TARGET_UNITS_MAX);
    options->units[options->unit_count++] = word;
    return 0;
}

static int judge(const struct hf_target_options *options, struct hf_error *error)
{
    if (options->task != HF_TARGET_TASK_SERVE)
        return 0;
    if (options->socket_path && options->socket_fd >= 0)
        return hf_error_set(error, EINVAL, "--socket-path and --fd exclude one another");
    if (options->unit_count == 0)
        return hf_error_set(error, EINVAL,
                            "no unit given: name a file or a block device, for "
                            "example disk.img (see --help)");
    if (options->ready_fd >= 0 && options->ready_fd == options->socket_fd)
        return hf_error_set(error, EINVAL, "--fd and --ready-fd are the same descriptor");
    if (options->lock_fd >= 0 &&
        (options->lock_fd == options->socket_fd || options->lock_fd == options->ready_fd))
        return hf_error_set(error, EINVAL, "--lock-fd and another are the same descriptor");
    return 0;
}

int hf_target_options_parse(struct hf_target_options *options, int count, char **words,
                            struct hf_error *error)
{
    struct option table[ROW_COUNT + 1];
    int code, failed = 0;

    *options = (struct hf_target_options){ .socket_fd = -1,
                                           .ready_fd = -1,
                                           .lock_fd = -1,
                                           .queues = 4,
                                           .lock_wait_ns = UINT64_C(30000000000) };
    fill_getopt(table);
    opterr = 0;
    optind = 0;
    while (failed == 0 && (code = getopt_long(count, words, ":", table, NULL)) != -1) {
        if (code < 256)
            return bad_word(code, words[optind - 1], error);
        failed = rows[code - 256].parse(options, optarg, error);
    }
    while (failed == 0 && optind < count)
        failed = take_unit(options, words[optind++], error);
    return failed < 0 ? failed : judge(options, error);
}

void hf_target_options_help(void)
{
    printf("Usage: holdfast-target --socket-path=PATH [OPTION]... UNIT...\n"
           "Serve files and block devices as SCSI disks over vhost-user. It may be killed at any\n"
           "moment: a front-end that reconnects loses nothing.\n\n"
           "Each UNIT is a target of its own, with LUN 0: disk.img, /dev/loop0, mem:1G, null:1T;\n"
           "after it, with commas: ro, block-size=512|4096, serial=TEXT,\n"
           "cache=writeback|writethrough|none. A comma in a name is written twice. In front of it\n"
           "fault: with delay=TIME, reorder=N, crash-after=N, error-after=N, hang-after=N, for "
           "tests.\n\nOptions:\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].argument ? "=" : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-30s %s\n", left, rows[i].help);
    }
}
