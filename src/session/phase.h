/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The phases of a front-end's session and the edges allowed between them.
 *
 *            +------+   wanted    +---------+  connected  +-------------+ owner set +-------+
 *   start -->| DOWN |------------>| DIALING |------------>| NEGOTIATING |---------->| READY |<--+
 *            +------+             +---------+             +-------------+           +-------+   |
 *               ^                   ^     |                     |                    |  |  |    |
 *               | not wanted        |     | refused             | fault        fault |  |  |    |
 *               | (from anywhere)   |     v                     v                    |  |  |    |
 *            +--------+  start    +---------+<------------------+--------------------+  |  |    |
 *            | FAILED |---------->| BACKOFF |<----------------------------------+       |  |    |
 *            +--------+           +---------+                              fault|       |  |    |
 *               ^ outage limit         |                                +---------+    |  |    |
 *               +----------------------+                                | RUNNING |<---+  |    |
 *                                                                       +---------+ rings |    |
 *                                                                            | a ring   started |
 *                                                                            v must stop  |    |
 *                                                                       +----------+      |    |
 *                                                                       | STOPPING |<-----+    |
 *                                                                       +----------+-----------+
 *                                                                            all rings stopped
 */
#ifndef HF_SESSION_PHASE_H
#define HF_SESSION_PHASE_H

#include <stdbool.h>

enum hf_phase {
    HF_PHASE_DOWN,        /* no back-end is wanted */
    HF_PHASE_DIALING,     /* a connect is under way */
    HF_PHASE_NEGOTIATING, /* connected; features are being agreed on */
    HF_PHASE_READY,       /* owner set; not all rings started */
    HF_PHASE_RUNNING,     /* all that the plan wants is started */
    HF_PHASE_STOPPING,    /* rings are being stopped */
    HF_PHASE_BACKOFF,     /* waiting to dial again */
    HF_PHASE_FAILED,      /* gave up, until told to start again */
    HF_PHASE_COUNT
};

const char *hf_phase_name(enum hf_phase phase);
bool hf_phase_may_follow(enum hf_phase from, enum hf_phase to);
/* True where a socket to a back-end is open. */
bool hf_phase_connected(enum hf_phase phase);
/* True where it has agreed with us, too: the handshake is done, and it can be asked. */
bool hf_phase_agreed(enum hf_phase phase);

#endif
