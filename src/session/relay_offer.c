/* SPDX-License-Identifier: BSD-3-Clause */
/* What a VMM may be offered through the relay: tables, and the promise that is made of them. */
#include "session/relay.h"

#include "base/checked.h"
#include "session/script_rows.h"

/* What a guest's driver may be offered through us: no more than we know to survive a crash. */
#define FEATURES_PASSED                                                                            \
    ~(HF_FEATURE(IOMMU_PLATFORM) | HF_FEATURE(RING_PACKED) | HF_FEATURE(NOTIFICATION_DATA) |       \
      HF_FEATURE(NOTIF_CONFIG_DATA) | HF_FEATURE(RING_RESET) | HF_FEATURE(ADMIN_VQ) |              \
      HF_FEATURE(SR_IOV))
/* Passed on where the back-end has it. */
#define PROTOCOL_PASSED                                                                            \
    (HF_PROTOCOL_FEATURE(MQ) | HF_PROTOCOL_FEATURE(LOG_SHMFD) | HF_PROTOCOL_FEATURE(CONFIG) |      \
     HF_PROTOCOL_FEATURE(INFLIGHT_SHMFD) | HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS) |              \
     HF_PROTOCOL_FEATURE(BACKEND_REQ))
/* Ours, whatever the back-end has. */
#define PROTOCOL_OURS (HF_PROTOCOL_FEATURE(REPLY_ACK) | HF_PROTOCOL_FEATURE(RESET_DEVICE))
#define RING_SIZE_MAX 32768u

const uint64_t hf_relay_protocol_wanted = PROTOCOL_PASSED | PROTOCOL_OURS;

struct hf_relay_promise hf_relay_promise_of(const struct hf_session *session, uint16_t ring_count,
                                            bool answers_config)
{
    bool multiqueue = hf_session_has(session, HF_PROTOCOL_FEATURE(MQ));
    bool slots = hf_session_has(session, HF_PROTOCOL_FEATURE(CONFIGURE_MEM_SLOTS));
    uint64_t ours = PROTOCOL_OURS | (answers_config ? HF_PROTOCOL_FEATURE(CONFIG) : 0);

    struct hf_relay_promise promise = { .protocol_features = session->protocol & PROTOCOL_PASSED };

    promise.offer = (struct hf_back_offer){
        .features = (session->offered & FEATURES_PASSED) | HF_FEATURE(PROTOCOL_FEATURES),
        .protocol_features = (session->protocol & PROTOCOL_PASSED) | ours,
        .ring_count =
            multiqueue ? (uint16_t)hf_min_u64(session->queue_count, HF_BACK_RINGS_MAX) : ring_count,
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
