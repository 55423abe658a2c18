/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that is killed: made from a command with {socket}, {file}, {ready-fd} and {lock-fd}
 * in it, started, watched until it listens, killed, reaped. It runs in a process group of its own
 * (Ctrl-C is for us), dies with us, and writes into a log file. Any vendor's; knows no vhost-user.
 */
#ifndef HF_DRILL_BACKEND_H
#define HF_DRILL_BACKEND_H

#include "base/error.h"
#include "drill/killer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HF_BACKEND_WORDS_MAX 256u
#define HF_BACKEND_STAMP_FD  3 /* in the child, of the first stamp; the others follow */

struct hf_backend_setup {
    const char *who;      /* in sentences; NULL: the back-end */
    char *const *command; /* NULL-terminated; the words in braces are replaced */
    const char *socket_path;
    const char *file_path; /* NULL: {file} is an error */
    const char *log_path;
    int priority; /* getpriority(2) */
};

/* What a back-end may tell by itself: 8 bytes each, nanoseconds of CLOCK_MONOTONIC. */
enum hf_backend_stamp {
    HF_BACKEND_STAMP_LISTENING, /* {ready-fd}: when it listened */
    HF_BACKEND_STAMP_LOCK, /* {lock-fd}: it has its locks; when it last saw that another had one */
    HF_BACKEND_STAMP_COUNT
};

struct hf_backend {
    char *words[HF_BACKEND_WORDS_MAX + 1];
    const char *who;
    const char *socket_path;
    const char *log_path;
    int priority;
    pid_t pid;                           /* 0: none */
    int pidfd;                           /* readable when it has ended; -1: none */
    bool stamps[HF_BACKEND_STAMP_COUNT]; /* it was told where to write them */
    int stamp_fds[HF_BACKEND_STAMP_COUNT];
    uint64_t spawned_ns;
    uint64_t listening_ns; /* 0: not yet */
    uint64_t unlocked_ns;  /* see hf_backend_look_at_lock */
    struct hf_killer killer;
};

/*
 * Checks and expands the command. -EINVAL with a sentence: no {socket}, {file} without one, or a
 * unit (mem:, null:) that loses its data with the process by nature and cannot be drilled.
 */
int hf_backend_init(struct hf_backend *backend, const struct hf_backend_setup *setup,
                    struct hf_error *error);
/* Kills what runs, frees. */
void hf_backend_done(struct hf_backend *backend);

/* 0, or -errno with a sentence (-ENOENT: no such program). */
int hf_backend_spawn(struct hf_backend *backend, struct hf_error *error);
/* Looks whether it listens now; listening_ns is its own stamp, or when the socket file was seen. */
bool hf_backend_look(struct hf_backend *backend);
/* When it listened and nobody else had its locks any more, as it says itself; 0: it does not. To be
 * asked once it serves. */
uint64_t hf_backend_look_at_lock(struct hf_backend *backend);
/* True if it has ended by itself; reaps it and says how. */
bool hf_backend_ended(struct hf_backend *backend, struct hf_error *how);

/*
 * SIGKILL from a thread of its own (killer.h). 0, or -errno with a sentence. hf_backend_killed says
 * when it was done, 0 = not yet. Reap, stop and done end the thread.
 */
int hf_backend_kill_at(struct hf_backend *backend, const struct hf_killer_aim *aim,
                       struct hf_error *error);
uint64_t hf_backend_killed(const struct hf_backend *backend);
/* 0 or -ETIMEDOUT. */
int hf_backend_reap(struct hf_backend *backend, unsigned timeout_ms, struct hf_error *error);
/* SIGTERM, and SIGKILL after the time-out. */
void hf_backend_stop(struct hf_backend *backend, unsigned timeout_ms);

#endif
