/* SPDX-License-Identifier: BSD-3-Clause */
/* The two blocking calls: handshake, then rings; what is settled in between. */
#include "initiator/state.h"

#include "base/checked.h"
#include "os/clock.h"
#include "wire/feature.h"

#include <errno.h>
#include <string.h>

#define RING_SIZE_MIN 128u

#define FEATURES_WANTED                                                                            \
    (HF_FEATURE(VERSION_1) | HF_FEATURE(INDIRECT_DESC) | HF_FEATURE(EVENT_IDX) |                   \
     HF_FEATURE(ANY_LAYOUT) | HF_FEATURE(SCSI_HOTPLUG) | HF_FEATURE(SCSI_CHANGE))

/* What a user can do who sees the connection end before anything was said. */
static const char *hint(const struct hf_initiator *initiator)
{
    return initiator->trouble_code == ECONNRESET && !initiator->connected
               ? "; does it serve another front-end? A relay has room for one"
               : "";
}

static int give_up(const struct hf_initiator *initiator, int code, const char *what,
                   struct hf_error *error)
{
    const char *path = initiator->config.socket_path;

    if (initiator->troubled)
        return hf_error_set(error, code, "%s: %s: %s%s", path, what, initiator->trouble,
                            hint(initiator));
    return hf_error_set(error, code, "%s: %s", path, what);
}

static void turn(struct hf_initiator *initiator, uint64_t left_ms)
{
    bool polls = initiator->config.polls && initiator->prepared;

    hf_loop_dispatch(initiator->loop, polls ? 0 : (int)hf_min_u64(left_ms, 1000));
    if (polls)
        hf_initiator_poll(initiator);
}

static int wait_for(struct hf_initiator *initiator, const bool *flag,
                    const struct hf_initiator_wait *wait, struct hf_error *error)
{
    initiator->troubled = initiator->refused = false;
    while (!*flag) {
        uint64_t now = hf_clock_ns();
        if (now >= wait->deadline_ns)
            return give_up(initiator, ETIMEDOUT, "no answer from the back-end in time", error);
        if (initiator->config.cancel != NULL && *initiator->config.cancel)
            return hf_error_set(error, ECANCELED, "interrupted");
        turn(initiator, (wait->deadline_ns - now) / HF_NS_PER_MS + 1);
        bool over =
            initiator->refused ? !wait->even_refused : initiator->troubled && !wait->patient;
        if (over)
            return give_up(initiator, initiator->trouble_code, "unable to use the back-end", error);
    }
    return 0;
}

static uint16_t power_of_two_above(uint32_t value)
{
    uint32_t size = RING_SIZE_MIN;

    while (size < value && size < HF_INITIATOR_RING_MAX)
        size *= 2;
    return (uint16_t)size;
}

static int settle_on_features(struct hf_initiator *initiator, struct hf_error *error)
{
    uint64_t offered = hf_device_get_features(initiator->device);
    uint32_t depth = initiator->config.depth;

    initiator->features = offered & FEATURES_WANTED;
    if ((offered & HF_FEATURE(VERSION_1)) == 0)
        return hf_error_set(error, EOPNOTSUPP, "%s: the back-end does not offer VERSION_1",
                            initiator->config.socket_path);
    if ((offered & HF_FEATURE(INDIRECT_DESC)) == 0)
        depth *= initiator->config.segments_max + 2u;
    initiator->ring_size = power_of_two_above(depth);
    return 0;
}

static int settle_on_recovery(struct hf_initiator *initiator, struct hf_error *error)
{
    struct hf_device_info info;

    hf_device_get_info(initiator->device, &info, sizeof(info));
    if (initiator->recovery == HF_RECOVERY_AUTO)
        initiator->recovery = info.tracks_inflight ? HF_RECOVERY_INFLIGHT : HF_RECOVERY_DRIVER;
    if (initiator->recovery == HF_RECOVERY_INFLIGHT && !info.tracks_inflight)
        return hf_error_set(error, EOPNOTSUPP,
                            "%s: the back-end does not track requests in flight (INFLIGHT_SHMFD); "
                            "recovery \"driver\" needs nothing of it",
                            initiator->config.socket_path);
    return 0;
}

int hf_initiator_connect(struct hf_initiator *initiator, const struct hf_initiator_wait *wait,
                         struct hf_error *error)
{
    hf_device_realize_begin(initiator->device);
    int ret = wait_for(initiator, &initiator->connected, wait, error);
    if (ret == 0)
        ret = settle_on_features(initiator, error);
    if (ret == 0)
        ret = settle_on_recovery(initiator, error);
    return ret;
}

int hf_initiator_start(struct hf_initiator *initiator, const struct hf_initiator_wait *wait,
                       struct hf_error *error)
{
    if (!initiator->prepared)
        hf_initiator_prepare(initiator);
    return wait_for(initiator, &initiator->running, wait, error);
}

int hf_initiator_finish(struct hf_initiator *initiator, const bool *flag, uint64_t deadline_ns,
                        struct hf_error *error)
{
    struct hf_initiator_wait wait = { .deadline_ns = deadline_ns,
                                      .patient = true,
                                      .even_refused = true };

    return wait_for(initiator, flag, &wait, error);
}
