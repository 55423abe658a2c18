/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connected front-end: its socket, the back core that knows what it was told, and the edge that
 * carries the core's effects out. Its I_T nexus. Control thread only.
 *
 *     OPEN --hang-up, fault--> DYING (queues abandoned) --no queue left--> UNMAPPING --> GONE
 *       \--target stops------> DYING (queues drained)  --/
 *
 * Guest memory stays mapped until no queue is left, and the socket open until GONE; the target
 * frees what is GONE.
 */
#ifndef HF_TARGET_SESSION_H
#define HF_TARGET_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct hf_session;
struct hf_target;

/* Takes the connected socket, also on failure. NULL: no memory, said in the log. */
struct hf_session *hf_session_new(struct hf_target *target, int socket_fd, unsigned number);
/* Only when gone. */
void hf_session_free(struct hf_session *session);
struct hf_session *hf_session_of_link(struct hf_link *link);
bool hf_session_gone(const struct hf_session *session);
bool hf_session_dying(const struct hf_session *session);
/* Nothing of it has to be waited for but the unmapping of its memory. */
bool hf_session_left(const struct hf_session *session);
/* Has the one mapped a file of the other's: guest memory, or the in-flight region? */
bool hf_session_shares_memory(const struct hf_session *session, const struct hf_session *other);

/* Starts what was held back: the lock is ours. False: it still may not (hf_session_held_why). */
bool hf_session_start_rings(struct hf_session *session);
const char *hf_session_held_why(const struct hf_session *session);
/* Since when a ring is held back; 0: none is. */
uint64_t hf_session_waiting_ns(const struct hf_session *session);
/* Says once of each ring that it drains for longer than it should. Returns when the next one would;
 * HF_CLOCK_NEVER: none. */
uint64_t hf_session_tell_slow_drains(struct hf_session *session, uint64_t now_ns);
/* Ends the session because of us; `why` goes to the log. */
void hf_session_break(struct hf_session *session, const char *why);
/* Ends the session if its guest memory was taken away. */
void hf_session_look_at_memory(struct hf_session *session);
/* The target stops: rings are drained, then the session ends. */
void hf_session_drain(struct hf_session *session);

#endif
