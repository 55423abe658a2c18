/* SPDX-License-Identifier: BSD-3-Clause */
/* The two tables, and the masks made of them. */
#include "wire/feature.h"

#include <stddef.h>

struct row {
    const char *name;
    unsigned uses;
};

/* Uses, in the tables' words. */
#define DRIVER               HF_USE_DRIVER
#define FRONTEND             HF_USE_FRONTEND
#define TARGET               HF_USE_TARGET
#define TOLERATED            HF_USE_TOLERATED
#define PASSED               HF_USE_PASSED
#define RELAY                HF_USE_RELAY
#define NOBODY               0

#define FEATURE(name, uses)  [HF_FEATURE_##name] = { #name, uses }
#define PROTOCOL(name, uses) [HF_PROTOCOL_FEATURE_##name] = { #name, uses }

/* A device of ours offers what it knows the meaning of, the relay no more than it knows to survive
 * a crash. QEMU's vhost-user-scsi has CHANGE by its property `param_change`, which is on, and asks
 * no back-end; the guest's driver acknowledges it, and there are no events that it would bring. */
static const struct row features[HF_FEATURE_COUNT] = {
    FEATURE(SCSI_INOUT, DRIVER | PASSED),
    FEATURE(SCSI_HOTPLUG, DRIVER | PASSED),
    FEATURE(SCSI_CHANGE, DRIVER | TOLERATED | PASSED),
    FEATURE(SCSI_T10_PI, PASSED),
    FEATURE(NOTIFY_ON_EMPTY, DRIVER | PASSED),
    FEATURE(LOG_ALL, FRONTEND | TARGET | PASSED),
    FEATURE(ANY_LAYOUT, DRIVER | TARGET | PASSED),
    FEATURE(INDIRECT_DESC, DRIVER | TARGET | PASSED),
    FEATURE(EVENT_IDX, DRIVER | TARGET | PASSED),
    FEATURE(PROTOCOL_FEATURES, FRONTEND | TARGET | RELAY),
    FEATURE(VERSION_1, DRIVER | TARGET | PASSED),
    FEATURE(IOMMU_PLATFORM, NOBODY),
    FEATURE(RING_PACKED, NOBODY),
    FEATURE(IN_ORDER, PASSED),
    FEATURE(ORDER_PLATFORM, PASSED),
    FEATURE(SR_IOV, NOBODY),
    FEATURE(NOTIFICATION_DATA, NOBODY),
    FEATURE(NOTIF_CONFIG_DATA, NOBODY),
    FEATURE(RING_RESET, NOBODY),
    FEATURE(ADMIN_VQ, NOBODY),
};

/* What is negotiated must be honoured: nothing that does not work is in use. */
static const struct row protocol_features[HF_PROTOCOL_FEATURE_COUNT] = {
    PROTOCOL(MQ, FRONTEND | TARGET | PASSED),
    PROTOCOL(LOG_SHMFD, FRONTEND | TARGET | PASSED),
    PROTOCOL(RARP, NOBODY),
    PROTOCOL(REPLY_ACK, FRONTEND | TARGET | RELAY),
    PROTOCOL(MTU, NOBODY),
    PROTOCOL(BACKEND_REQ, TARGET | PASSED),
    PROTOCOL(CROSS_ENDIAN, NOBODY),
    PROTOCOL(CRYPTO_SESSION, NOBODY),
    PROTOCOL(PAGEFAULT, NOBODY),
    PROTOCOL(CONFIG, FRONTEND | TARGET | PASSED),
    PROTOCOL(BACKEND_SEND_FD, NOBODY),
    PROTOCOL(HOST_NOTIFIER, NOBODY),
    PROTOCOL(INFLIGHT_SHMFD, FRONTEND | TARGET | PASSED),
    PROTOCOL(RESET_DEVICE, FRONTEND | TARGET | RELAY),
    PROTOCOL(INBAND_NOTIFICATIONS, NOBODY),
    PROTOCOL(CONFIGURE_MEM_SLOTS, FRONTEND | TARGET | PASSED),
    PROTOCOL(STATUS, NOBODY),
    PROTOCOL(XEN_MMAP, NOBODY),
    PROTOCOL(SHARED_OBJECT, NOBODY),
    PROTOCOL(DEVICE_STATE, NOBODY),
    PROTOCOL(GET_VRING_BASE_INFLIGHT, NOBODY),
    PROTOCOL(GPA_ADDRESSES, NOBODY),
    PROTOCOL(SHMEM_MAP, NOBODY),
};

static uint64_t used_for(const struct row *rows, unsigned count, unsigned uses)
{
    uint64_t mask = 0;

    for (unsigned bit = 0; bit < count; bit++) {
        if ((rows[bit].uses & uses) != 0)
            mask |= HF_BIT(bit);
    }
    return mask;
}

uint64_t hf_features_for(unsigned uses)
{
    return used_for(features, HF_FEATURE_COUNT, uses);
}

uint64_t hf_protocol_features_for(unsigned uses)
{
    return used_for(protocol_features, HF_PROTOCOL_FEATURE_COUNT, uses);
}

const char *hf_feature_name(unsigned bit)
{
    return bit < HF_FEATURE_COUNT ? features[bit].name : NULL;
}

const char *hf_protocol_feature_name(unsigned bit)
{
    return bit < HF_PROTOCOL_FEATURE_COUNT ? protocol_features[bit].name : NULL;
}
