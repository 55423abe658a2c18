/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks a relay, and explains why it cannot. */
#include "control.h"

#include "os/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_PATH "/run/holdfast/relay.sock"

const char *control_default_path(void)
{
    static char path[HF_STREAM_PATH_SIZE];
    const char *folder = getenv("XDG_RUNTIME_DIR");
    int length = folder ? snprintf(path, sizeof(path), "%s/holdfast/relay.sock", folder) : -1;

    return length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0 ? path
                                                                                  : SYSTEM_PATH;
}

/* What one does about it, behind the path. */
static const struct {
    int error;
    const char *help;
} helps[] = {
    { -ENOENT, "no relay listens here: start holdfast-relay with --control=PATH, or say with "
               "--control=PATH where it listens" },
    { -ECONNREFUSED, "no relay listens here any more: the one that did was killed" },
    { -ECONNRESET, "who listens here is no relay, or not at its control socket: --control=PATH" },
    { -EACCES, "permission denied: only the user that runs the relay, and root, may ask it" },
    { -EAGAIN, "the relay is too busy: too many ask it at once" },
    { -ETIMEDOUT, "the relay does not answer" },
};

static bool is_socket(const char *path)
{
    struct stat facts;

    return stat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

int control_ask(const struct hf_control_question *question, json_t **result, struct hf_error *error)
{
    int failed = hf_control_ask(question, result, error);

    for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++)
        if (helps[i].error == failed)
            hf_error_set(error, -failed, "%s: %s", question->path, helps[i].help);
    if (failed == -ECONNREFUSED && !is_socket(question->path))
        hf_error_set(error, ENOTSOCK, "%s: is no socket", question->path);
    return failed;
}
