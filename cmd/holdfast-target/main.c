/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast-target: parse, build, run the loop, exit. */
#include <stdio.h>
#include <stdlib.h>

#include "os/log.h"
#include "target/offer.h"
#include "target/options.h"
#include "target/target.h"

static int fail(const struct hf_error *error)
{
    hf_log(HF_LOG_ERROR, "%s", error->text);
    return EXIT_FAILURE;
}

static int serve(const struct hf_target_options *options)
{
    static struct hf_target target;
    struct hf_error error = { 0 };
    int status;

    if (options->verbose)
        hf_log_set_level(HF_LOG_INFO);
    if (hf_target_init(&target, options, &error) < 0)
        status = fail(&error);
    else
        status = hf_target_run(&target);
    hf_target_done(&target);
    return status;
}

static int print_capabilities(const struct hf_target_options *options)
{
    return hf_target_print_capabilities(options) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_help(const struct hf_target_options *options)
{
    (void)options;
    hf_target_options_help();
    return EXIT_SUCCESS;
}

static int print_version(const struct hf_target_options *options)
{
    (void)options;
    printf("holdfast-target %s\n", HF_VERSION);
    return EXIT_SUCCESS;
}

static int (*const tasks[HF_TARGET_TASK_COUNT])(const struct hf_target_options *) = {
    [HF_TARGET_TASK_SERVE] = serve,
    [HF_TARGET_TASK_CAPABILITIES] = print_capabilities,
    [HF_TARGET_TASK_HELP] = print_help,
    [HF_TARGET_TASK_VERSION] = print_version,
};

int main(int count, char **words)
{
    struct hf_target_options options;
    struct hf_error error = { 0 };

    hf_log_init("holdfast-target");
    if (hf_target_options_parse(&options, count, words, &error) < 0)
        return fail(&error);
    return tasks[options.task](&options);
}
