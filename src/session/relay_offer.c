/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM may be offered through the relay: the promise made of the tables of features. */
#include "session/relay.h"

#include "base/checked.h"
#include "session/script_rows.h"

#define RING_SIZE_MAX 32768u

/* What belongs to the type of the device is between its driver and the back-end. */
static uint64_t features_through(uint64_t offered)
{
    return (offered & (hf_features_for(HF_USE_PASSED) | HF_FEATURES_OF_TYPE)) |
           hf_features_for(HF_USE_RELAY);
}

uint64_t hf_relay_protocol_wanted(void)
{
    return hf_protocol_features_for(HF_USE_PASSED | HF_USE_RELAY);
}

struct hf_relay_promise hf_relay_promise_of(const struct hf_session *session, uint16_t ring_count,
                                            bool answers_config)
{
    bool multiqueue = hf_session_has(session, HF_PROTOCOL_FEATURE(MQ));
    bool slots = hf_session_has(session, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
    uint64_t passed = session->protocol & hf_protocol_features_for(HF_USE_PASSED);
    uint64_t ours =
        hf_protocol_features_for(HF_USE_RELAY) | (answers_config ? HF_PROTOCOL_FEATURE(CONFIG) : 0);

    /* One that has none is as good as no back-end: it is refused when it shall serve. */
    uint64_t rings = multiqueue ? hf_max_u64(1, hf_min_u64(session->queue_count, HF_BACK_RINGS_MAX))
                                : ring_count;

    struct hf_relay_promise promise = { .protocol_features = passed };

    promise.offer = (struct hf_back_offer){
        .features = features_through(session->offered),
        .protocol_features = passed | ours,
        .ring_count = (uint16_t)rings,
        .ring_size_max = RING_SIZE_MAX,
        .memory_slots = slots ? (uint16_t)hf_min_u64(session->slot_count, HF_MEMORY_REGIONS_MAX)
                              : HF_REGION_COUNT_BASELINE,
        .config_bytes = HF_WIRE_CONFIG_MAX,
    };
    return promise;
}

void hf_relay_begin(struct hf_relay *relay, const struct hf_relay_promise *promise)
{
    struct hf_promise *owed = &relay->front->plan.promise;

    hf_back_init(&relay->back, &promise->offer);
    relay->front->plan.queue_count = promise->offer.ring_count;
    owed->features = promise->offer.features & ~HF_FEATURE(PROTOCOL_FEATURES);
    owed->protocol_features |= promise->protocol_features;
    owed->queue_count = promise->offer.ring_count;
    owed->memory_slots = promise->offer.memory_slots;
}
