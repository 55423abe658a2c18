/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast-relay: parse, build, run the loop, exit. */
#include "service.h"

#include "os/log.h"

#include <stdio.h>
#include <stdlib.h>

static int fail(const struct hf_error *error)
{
    hf_log(HF_LOG_ERROR, "%s", error->text);
    return EXIT_FAILURE;
}

static int serve(const struct hf_relay_options *options)
{
    static struct service service;
    struct hf_error error = { 0 };
    int status;

    if (options->verbose)
        hf_log_set_level(HF_LOG_INFO);
    if (service_init(&service, options, &error) < 0)
        status = fail(&error);
    else
        status = service_run(&service);
    service_done(&service);
    return status;
}

static int print_help(const struct hf_relay_options *options)
{
    (void)options;
    hf_relay_options_help();
    return EXIT_SUCCESS;
}

static int print_version(const struct hf_relay_options *options)
{
    (void)options;
    printf("holdfast-relay %s\n", HF_VERSION);
    return EXIT_SUCCESS;
}

static int (*const tasks[HF_RELAY_TASK_COUNT])(const struct hf_relay_options *) = {
    [HF_RELAY_TASK_SERVE] = serve,
    [HF_RELAY_TASK_HELP] = print_help,
    [HF_RELAY_TASK_VERSION] = print_version,
};

int main(int count, char **words)
{
    static struct hf_relay_options options;
    struct hf_error error = { 0 };

    hf_log_init("holdfast-relay");
    if (hf_relay_options_parse(&options, count, words, &error) < 0)
        return fail(&error);
    return tasks[options.task](&options);
}
