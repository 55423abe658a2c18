/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a lost back-end is known to be harmless. End of file on its socket is not its death: a hung
 * or stopped process may wake up and write to guest memory, and answer requests that a successor
 * answers too. So no ring starts on another process before the old one is fenced.
 *
 * EXIT and KILL need a hold on the process (a pidfd, from the socket's credentials). Where none can
 * be had the rings start again without a fence; the device is lossy then, and says so when it has
 * connected, unless the back-end fences its units itself (hf_device_info).
 *
 * With COMMAND the library makes child processes, and waits for each by its pidfd. The host must
 * not ignore SIGCHLD (SIG_IGN, SA_NOCLDWAIT) nor wait for any child (waitpid(-1)): the command's
 * status is lost then, and it counts as failed. A command that nobody waits for any more, because
 * the process is gone or the device was freed, goes on. After hf_device_free it is the host's to
 * reap.
 */
#ifndef HOLDFAST_FENCE_H
#define HOLDFAST_FENCE_H

enum hf_fence {
    HF_FENCE_EXIT,    /* its process is gone (pidfd); the default */
    HF_FENCE_KILL,    /* the same, after it was sent SIGKILL */
    HF_FENCE_COMMAND, /* a command of the host's ended with 0, or its process is gone */
    HF_FENCE_NONE,    /* not at all: lossy, and every status says so */
    HF_FENCE_COUNT
};

#endif
