/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of allowed edges. Knows no reason for any of them. */
#include "session/phase.h"

#include "base/bitmap.h"
#include "base/check.h"

#define TO(phase) (1u << HF_PHASE_##phase)

static const struct {
    const char *name;
    unsigned next;
    bool connected;
} phases[HF_PHASE_COUNT] = {
    [HF_PHASE_DOWN] = { "DOWN", TO(DIALING), false },
    [HF_PHASE_DIALING] = { "DIALING", TO(NEGOTIATING) | TO(BACKOFF) | TO(DOWN) | TO(FAILED),
                           false },
    [HF_PHASE_NEGOTIATING] = { "NEGOTIATING", TO(READY) | TO(BACKOFF) | TO(DOWN) | TO(FAILED),
                               true },
    [HF_PHASE_READY] = { "READY", TO(RUNNING) | TO(STOPPING) | TO(BACKOFF) | TO(DOWN) | TO(FAILED),
                         true },
    [HF_PHASE_RUNNING] = { "RUNNING", TO(STOPPING) | TO(BACKOFF) | TO(DOWN) | TO(FAILED), true },
    [HF_PHASE_STOPPING] = { "STOPPING", TO(READY) | TO(BACKOFF) | TO(DOWN) | TO(FAILED), true },
    [HF_PHASE_BACKOFF] = { "BACKOFF", TO(DIALING) | TO(DOWN) | TO(FAILED), false },
    [HF_PHASE_FAILED] = { "FAILED", TO(DIALING) | TO(DOWN), false },
};

const char *hf_phase_name(enum hf_phase phase)
{
    HF_CHECK((unsigned)phase < HF_PHASE_COUNT);
    return phases[phase].name;
}

bool hf_phase_may_follow(enum hf_phase from, enum hf_phase to)
{
    HF_CHECK((unsigned)from < HF_PHASE_COUNT && (unsigned)to < HF_PHASE_COUNT);
    return (phases[from].next & (1u << to)) != 0;
}

bool hf_phase_connected(enum hf_phase phase)
{
    HF_CHECK((unsigned)phase < HF_PHASE_COUNT);
    return phases[phase].connected;
}

bool hf_phase_agreed(enum hf_phase phase)
{
    return hf_phase_connected(phase) && phase != HF_PHASE_NEGOTIATING;
}
