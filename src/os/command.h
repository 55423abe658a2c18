/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shell command that runs beside us, watched by a pidfd: no SIGCHLD handler, nothing of the
 * host's is touched. It knows nothing of what the command does.
 */
#ifndef HF_OS_COMMAND_H
#define HF_OS_COMMAND_H

#include "base/error.h"

/* Runs `sh -c line` with the given NAME=VALUE strings (NULL at the end) added to the environment,
 * its standard input empty, in a session of its own. Returns a pidfd (CLOEXEC, owned by the caller,
 * readable when the command has ended), or -errno with a sentence. Does not wait for anything. */
int hf_command_start(const char *line, const char *const *variables, struct hf_error *error);

/* Once the pidfd is readable: reaps. Returns the exit status, or 128 + signal as a shell would, or
 * -errno. */
int hf_command_end(int pidfd);

#endif
