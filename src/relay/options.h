/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user may say to holdfast-relay on its command line. Opens nothing, starts nothing. */
#ifndef HF_RELAY_OPTIONS_H
#define HF_RELAY_OPTIONS_H

#include "base/error.h"
#include "relay/setup.h"

#include <stdbool.h>

enum hf_relay_task {
    HF_RELAY_TASK_SERVE,
    HF_RELAY_TASK_HELP,
    HF_RELAY_TASK_VERSION,
    HF_RELAY_TASK_COUNT
};

/* Strings are borrowed from the arguments. */
struct hf_relay_options {
    enum hf_relay_task task;
    const char *config_path;  /* NULL: the one device below */
    const char *control_path; /* NULL: not given */
    int ready_fd;             /* -1: not given */
    bool verbose;
    bool trace;
    struct hf_relay_setup device; /* not finished: a socket may come from elsewhere */
};

/* 0, or -errno and one line that names the word, what is wrong with it, and what would be right.
 * Not thread-safe (getopt). */
int hf_relay_options_parse(struct hf_relay_options *options, int count, char **words,
                           struct hf_error *error);
/* The text of --help, to standard output. */
void hf_relay_options_help(void);

#endif
