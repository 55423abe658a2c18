/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hold on another process that cannot be mistaken for a later one with the same number
 * (pidfd_open(2)). End of file on a socket is not death (CONTRACT §1); a readable pidfd is.
 */
#ifndef HF_OS_PROCESS_H
#define HF_OS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

enum hf_process_result {
    HF_PROCESS_FOUND,        /* the pidfd, or the signal, is there */
    HF_PROCESS_GONE,         /* ESRCH: it has ended, and been reaped */
    HF_PROCESS_FOREIGN,      /* pid 0: lives in a pid namespace that ours does not show */
    HF_PROCESS_FORBIDDEN,    /* EPERM: not ours to signal, or a filter forbids the call */
    HF_PROCESS_UNSUPPORTED,  /* ENOSYS: no pidfds here */
    HF_PROCESS_SELF,         /* a peer that is this process: whoever it gave the other end to */
    HF_PROCESS_NO_RESOURCES, /* EMFILE, ENFILE, ENOMEM */
    HF_PROCESS_RESULT_COUNT,
};

/* A sentence for logs: "the process has ended". */
const char *hf_process_result_text(enum hf_process_result result);

/* *pidfd is an fd (CLOEXEC, owned by the caller; readable when the process has ended: watch it for
 * EPOLLIN) if the result is FOUND, else -1. */
enum hf_process_result hf_process_open(pid_t pid, int *pidfd);

/* The process at the other end of a socket. For a socket we connected that is who called listen(),
 * for an accepted one who called connect(). Uses SO_PEERPIDFD where the kernel has it (6.5), which
 * a reused pid cannot fool. */
enum hf_process_result hf_process_open_peer(int socket_fd, int *pidfd);

/* Whether two pidfds hold one process: 1, 0, or -errno where that cannot be told: before Linux 6.9
 * all pidfds look alike (-EOPNOTSUPP). Pid numbers tell less: a process of a foreign pid namespace
 * has none here. */
int hf_process_same(int a, int b);

/* True once the process has ended (all its threads). Does not block. */
bool hf_process_ended(int pidfd);

enum hf_process_result hf_process_signal(int pidfd, int signal_number);

#endif
