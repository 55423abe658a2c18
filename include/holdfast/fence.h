/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a lost back-end is known to be harmless. End of file on its socket is not its death: a hung
 * or stopped process may wake up and write to guest memory, and answer requests that a successor
 * answers too. So no ring starts on another process before the old one is fenced.
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
