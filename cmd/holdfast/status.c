/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast status: the devices of a relay as a table, once or again and again. */
#include "control.h"
#include "subcommand.h"

#include "os/clock.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXIT_FAILED      1
#define ANSWER_TIME_NS   (5 * HF_NS_PER_S)
#define CELL_SIZE        160u
#define CLEAR_THE_SCREEN "\033[H\033[2J"

struct options {
    const char *control_path;
    bool json;
    bool watch;
};

enum option_key { KEY_CONTROL = 0x100, KEY_JSON, KEY_WATCH };

static const struct argp_option option_table[] = {
    { "control", KEY_CONTROL, "PATH", 0, CONTROL_HELP, 0 },
    { "json", KEY_JSON, NULL, 0, "Print one JSON object (with --watch, one a line)", 0 },
    { "watch", KEY_WATCH, NULL, 0, "Again every second, until interrupted", 0 },
    { 0 }
};

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_CONTROL:
        options->control_path = word;
        return 0;
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_WATCH:
        options->watch = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\" is too much: all devices are shown", word);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    option_table, parse, NULL, "Show the devices of a running relay.", NULL, NULL, NULL
};

/* ---- cells: member of a device to text ---- */

static long long number_of(const json_t *device, const char *key)
{
    return (long long)json_integer_value(json_object_get(device, key));
}

static void print_text(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    const char *text = json_string_value(json_object_get(device, key));

    snprintf(cell, CELL_SIZE, "%s", text ? text : "-");
}

static void print_backend(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    const char *path = json_string_value(json_object_get(device, key));
    bool there = json_is_true(json_object_get(device, "backend_connected"));

    snprintf(cell, CELL_SIZE, "%s%s", path ? path : "-", there ? "" : " (away)");
}

static void print_count(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    snprintf(cell, CELL_SIZE, "%lld", number_of(device, key));
}

static void print_span(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    double ms = (double)number_of(device, key) / 1e6;

    if (ms <= 0.0)
        snprintf(cell, CELL_SIZE, "-");
    else if (ms < 10e3)
        snprintf(cell, CELL_SIZE, "%.1f ms", ms);
    else
        snprintf(cell, CELL_SIZE, "%.1f s", ms / 1e3);
}

static void print_process(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    if (number_of(device, key) > 0)
        print_count(device, key, cell);
    else
        snprintf(cell, CELL_SIZE, "-");
}

/* Loud: it is what the user must not overlook. */
static void print_mode(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    print_text(device, key, cell);
    if (strcmp(cell, "lossy") == 0)
        snprintf(cell, CELL_SIZE, "LOSSY");
}

static void print_since(const json_t *device, const char *key, char cell[CELL_SIZE])
{
    time_t since = (time_t)number_of(device, key);
    struct tm local;

    if (localtime_r(&since, &local) == NULL ||
        strftime(cell, CELL_SIZE, "%Y-%m-%d %H:%M:%S", &local) == 0)
        snprintf(cell, CELL_SIZE, "-");
}

static const struct {
    const char *title;
    const char *key;
    void (*print)(const json_t *device, const char *key, char cell[CELL_SIZE]);
} columns[] = {
    { "DEVICE", "name", print_text },
    { "TYPE", "type", print_text },
    { "VMM", "vmm_pid", print_process },
    { "BACK-END", "backend", print_backend },
    { "PHASE", "phase", print_text },
    { "MODE", "mode", print_mode },
    { "QUEUES", "queues", print_count },
    { "CRASHES", "crashes", print_count },
    { "LAST GAP", "last_gap_ns", print_span },
    { "OUTAGE", "outage_ns", print_span },
    { "IN FLIGHT", "last_crash_in_flight", print_count },
    { "SINCE", "since_s", print_since },
};

#define COLUMN_COUNT (sizeof(columns) / sizeof(columns[0]))

/* ---- the table ---- */

static void measure(const json_t *devices, int widths[COLUMN_COUNT])
{
    char cell[CELL_SIZE];

    for (size_t i = 0; i < COLUMN_COUNT; i++)
        widths[i] = (int)strlen(columns[i].title);
    for (size_t row = 0; row < json_array_size(devices); row++)
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            columns[i].print(json_array_get(devices, row), columns[i].key, cell);
            widths[i] = (int)strlen(cell) > widths[i] ? (int)strlen(cell) : widths[i];
        }
}

/* The last one is not filled up. */
static void print_cell(size_t column, const char *text, const int widths[COLUMN_COUNT])
{
    if (column + 1 < COLUMN_COUNT)
        printf("%-*s  ", widths[column], text);
    else
        printf("%s\n", text);
}

static void print_row(const json_t *device, const int widths[COLUMN_COUNT])
{
    char cell[CELL_SIZE];

    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        columns[i].print(device, columns[i].key, cell);
        print_cell(i, cell, widths);
    }
}

static void print_troubles(const json_t *devices)
{
    for (size_t row = 0; row < json_array_size(devices); row++) {
        const json_t *device = json_array_get(devices, row);
        const char *trouble = json_string_value(json_object_get(device, "trouble"));
        const char *name = json_string_value(json_object_get(device, "name"));
        if (trouble)
            printf("%s: last trouble: %s\n", name ? name : "-", trouble);
    }
}

static void print_table(const json_t *devices)
{
    int widths[COLUMN_COUNT];

    measure(devices, widths);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        print_cell(i, columns[i].title, widths);
    for (size_t row = 0; row < json_array_size(devices); row++)
        print_row(json_array_get(devices, row), widths);
    print_troubles(devices);
}

/* ---- once, and again ---- */

static int show(const struct options *options, bool clear)
{
    const struct hf_control_question question = { .path = options->control_path,
                                                  .method = "status",
                                                  .timeout_ns = ANSWER_TIME_NS };
    struct hf_error error = { 0 };
    json_t *result = NULL;
    int failed = control_ask(&question, &result, &error);

    if (clear)
        fputs(CLEAR_THE_SCREEN, stdout);
    if (failed < 0)
        fprintf(stderr, "holdfast status: %s\n", error.text);
    else if (options->json)
        json_dumpf(result, stdout, options->watch ? JSON_COMPACT : JSON_INDENT(2));
    else
        print_table(json_object_get(result, "devices"));
    if (failed == 0 && (options->json || (options->watch && !clear)))
        putchar('\n');
    json_decref(result);
    return failed;
}

/* A relay that is started anew meanwhile is asked again. */
static int watch(const struct options *options)
{
    bool clear = !options->json && isatty(STDOUT_FILENO) != 0;

    while (show(options, clear), fflush(stdout) == 0)
        sleep(1);
    return EXIT_FAILED;
}

static int run_status(int count, char **arguments)
{
    struct options options = { .control_path = control_default_path() };

    argp_err_exit_status = EXIT_FAILED;
    argp_parse(&parser, count, arguments, 0, NULL, &options);
    if (options.watch)
        return watch(&options);
    return show(&options, false) < 0 ? EXIT_FAILED : EXIT_SUCCESS;
}

const struct hf_subcommand hf_subcommand_status = { "status", "show the devices of a relay",
                                                    run_status };
