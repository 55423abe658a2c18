/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast switch: moves a relay's device to another back-end, under its running VMM. */
#include "control.h"
#include "subcommand.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_FAILED 1
#define PATH_SIZE   4096

struct options {
    const char *control_path;
    const char *device;
    const char *backend;
    bool json;
};

enum option_key { KEY_CONTROL = 0x100, KEY_JSON };

static const struct argp_option option_table[] = {
    { "control", KEY_CONTROL, "PATH", 0, CONTROL_HELP, 0 },
    { "json", KEY_JSON, NULL, 0, "Print one JSON object", 0 },
    { 0 }
};

static error_t take_word(struct options *options, const char *word, struct argp_state *state)
{
    if (options->device == NULL)
        options->device = word;
    else if (options->backend == NULL)
        options->backend = word;
    else
        argp_error(state, "one device at a time; \"%s\" is too much", word);
    return 0;
}

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
    case ARGP_KEY_ARG:
        return take_word(options, word, state);
    case ARGP_KEY_END:
        if (options->backend == NULL)
            argp_error(state, "which device, and to which socket?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    option_table,
    parse,
    "DEVICE NEW.sock",
    "Move a device of a running relay to another back-end, without its VMM noticing.",
    NULL,
    NULL,
    NULL
};

/* The relay is in another folder than we are. */
static int make_absolute(const char *path, char absolute[PATH_SIZE], struct hf_error *error)
{
    char folder[PATH_SIZE / 2] = "";

    if (path[0] != '/' && getcwd(folder, sizeof(folder)) == NULL)
        return hf_error_set(error, errno, "cannot find out the present folder: %s",
                            strerror(errno));
    int length =
        snprintf(absolute, PATH_SIZE, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", path);
    return length < PATH_SIZE ? 0 : hf_error_set(error, ENAMETOOLONG, "%s: too long", path);
}

static void tell(const struct options *options, const char *backend, const json_t *result)
{
    double pause_ms = (double)json_integer_value(json_object_get(result, "pause_ns")) / 1e6;

    if (options->json) {
        json_dumpf(result, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        const char *note = json_string_value(json_object_get(result, "note"));
        printf("%s: moved to %s; its rings paused for %.3f ms\n", options->device, backend,
               pause_ms);
        if (note != NULL)
            printf("%s: %s\n", options->device, note);
    }
}

static int run_switch(int count, char **arguments)
{
    struct options options = { .control_path = control_default_path() };
    struct hf_error error = { 0 };
    char backend[PATH_SIZE];
    json_t *result = NULL;

    argp_err_exit_status = EXIT_FAILED;
    argp_parse(&parser, count, arguments, 0, NULL, &options);
    int failed = make_absolute(options.backend, backend, &error);
    if (failed == 0) {
        const struct hf_control_question question = {
            .path = options.control_path,
            .method = "switch",
            .params = json_pack("{s:s, s:s}", "device", options.device, "backend", backend),
        };
        failed = control_ask(&question, &result, &error);
    }
    if (failed < 0)
        fprintf(stderr, "holdfast switch: %s\n", error.text);
    else
        tell(&options, backend, result);
    json_decref(result);
    return failed < 0 ? EXIT_FAILED : EXIT_SUCCESS;
}

const struct hf_subcommand hf_subcommand_switch = { "switch",
                                                    "move a relay's device to another back-end",
                                                    run_switch };
