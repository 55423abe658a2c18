/* SPDX-License-Identifier: BSD-3-Clause */
/* All units' locks as one. */
#include "target/lease.h"

#include <errno.h>

#include "base/check.h"
#include "os/clock.h"
#include "os/log.h"
#include "target/unit.h"

/* Looking for the owner walks through /proc: a killed predecessor is gone before that pays. */
#define OWNER_AFTER_NS (200 * HF_NS_PER_MS)

void hf_lease_init(struct hf_lease *lease, struct hf_unit *const *units, unsigned unit_count)
{
    *lease = (struct hf_lease){ .units = units, .unit_count = unit_count };
}

void hf_lease_join(struct hf_lease *lease)
{
    lease->users++;
}

static void unlock(struct hf_lease *lease, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hf_unit_unlock(lease->units[i]);
}

void hf_lease_leave(struct hf_lease *lease)
{
    HF_CHECK(lease->users > 0);
    if (--lease->users > 0)
        return;
    lease->waiting_ns = 0;
    if (lease->held)
        unlock(lease, lease->unit_count);
    lease->held = false;
}

/* Asks again, for the reason this time. 0: it has come free, and went back: all or none, at the
 * next try. */
static int explain(struct hf_lease *lease, struct hf_unit *unit)
{
    int failed = hf_unit_lock_try(unit, &lease->why);

    if (failed == 0)
        hf_unit_unlock(unit);
    return failed;
}

static void note_waiting(struct hf_lease *lease, struct hf_unit *unit, uint64_t now_ns)
{
    if (lease->waiting_ns == 0) {
        lease->waiting_ns = now_ns;
        lease->told_ns = 0;
        hf_error_set(&lease->why, EAGAIN, "unit '%s' is locked by another process", unit->name);
    }
    if (lease->told_ns != 0 || now_ns - lease->waiting_ns < OWNER_AFTER_NS)
        return;
    lease->told_ns = now_ns;
    if (explain(lease, unit) < 0)
        hf_log(HF_LOG_NOTICE, "waiting: %s", lease->why.text);
}

static void note_held(struct hf_lease *lease, uint64_t now_ns)
{
    lease->held = true;
    if (lease->waiting_ns != 0)
        hf_log(lease->told_ns ? HF_LOG_NOTICE : HF_LOG_INFO, "locked all units after %.1f ms",
               (double)(now_ns - lease->waiting_ns) / (double)HF_NS_PER_MS);
    lease->waiting_ns = 0;
}

int hf_lease_try(struct hf_lease *lease, uint64_t now_ns)
{
    if (lease->held)
        return 0;
    for (unsigned i = 0; i < lease->unit_count; i++) {
        int failed = hf_unit_lock_try(lease->units[i], NULL);
        if (failed == 0)
            continue;
        unlock(lease, i);
        if (failed != -EAGAIN && (failed = explain(lease, lease->units[i])) == 0)
            failed = -EAGAIN;
        if (failed == -EAGAIN)
            note_waiting(lease, lease->units[i], now_ns);
        return failed;
    }
    note_held(lease, now_ns);
    return 0;
}
