/* SPDX-License-Identifier: BSD-3-Clause */
/* THE tables of features: virtio's (with virtio-scsi's own) and vhost-user's protocol features,
 * each with its name and who of us makes use of it. Offers are made of them, and the document of
 * what is supported. Knows no message (virtio 1.3 §6, §5.6.3; vhost-user "Protocol features"). */
#ifndef HF_WIRE_FEATURE_H
#define HF_WIRE_FEATURE_H

#include "base/bitmap.h"

#include <stdint.h>

enum hf_feature {
    HF_FEATURE_SCSI_INOUT = 0,
    HF_FEATURE_SCSI_HOTPLUG = 1,
    HF_FEATURE_SCSI_CHANGE = 2,
    HF_FEATURE_SCSI_T10_PI = 3,
    HF_FEATURE_NOTIFY_ON_EMPTY = 24,
    HF_FEATURE_LOG_ALL = 26,
    HF_FEATURE_ANY_LAYOUT = 27,
    HF_FEATURE_INDIRECT_DESC = 28,
    HF_FEATURE_EVENT_IDX = 29,
    HF_FEATURE_PROTOCOL_FEATURES = 30,
    HF_FEATURE_VERSION_1 = 32,
    HF_FEATURE_IOMMU_PLATFORM = 33,
    HF_FEATURE_RING_PACKED = 34,
    HF_FEATURE_IN_ORDER = 35,
    HF_FEATURE_ORDER_PLATFORM = 36,
    HF_FEATURE_SR_IOV = 37,
    HF_FEATURE_NOTIFICATION_DATA = 38,
    HF_FEATURE_NOTIF_CONFIG_DATA = 39,
    HF_FEATURE_RING_RESET = 40,
    HF_FEATURE_ADMIN_VQ = 41,
    HF_FEATURE_COUNT = 64
};

enum hf_protocol_feature {
    HF_PROTOCOL_FEATURE_MQ = 0,
    HF_PROTOCOL_FEATURE_LOG_SHMFD = 1,
    HF_PROTOCOL_FEATURE_RARP = 2,
    HF_PROTOCOL_FEATURE_REPLY_ACK = 3,
    HF_PROTOCOL_FEATURE_MTU = 4,
    HF_PROTOCOL_FEATURE_BACKEND_REQ = 5,
    HF_PROTOCOL_FEATURE_CROSS_ENDIAN = 6,
    HF_PROTOCOL_FEATURE_CRYPTO_SESSION = 7,
    HF_PROTOCOL_FEATURE_PAGEFAULT = 8,
    HF_PROTOCOL_FEATURE_CONFIG = 9,
    HF_PROTOCOL_FEATURE_BACKEND_SEND_FD = 10,
    HF_PROTOCOL_FEATURE_HOST_NOTIFIER = 11,
    HF_PROTOCOL_FEATURE_INFLIGHT_SHMFD = 12,
    HF_PROTOCOL_FEATURE_RESET_DEVICE = 13,
    HF_PROTOCOL_FEATURE_INBAND_NOTIFICATIONS = 14,
    HF_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS = 15,
    HF_PROTOCOL_FEATURE_STATUS = 16,
    HF_PROTOCOL_FEATURE_XEN_MMAP = 17,
    HF_PROTOCOL_FEATURE_SHARED_OBJECT = 18,
    HF_PROTOCOL_FEATURE_DEVICE_STATE = 19,
    HF_PROTOCOL_FEATURE_GET_VRING_BASE_INFLIGHT = 20,
    HF_PROTOCOL_FEATURE_GPA_ADDRESSES = 21,
    HF_PROTOCOL_FEATURE_SHMEM_MAP = 22,
    HF_PROTOCOL_FEATURE_COUNT
};

/* HF_FEATURE(VERSION_1), HF_PROTOCOL_FEATURE(MQ): the mask of one bit. */
#define HF_FEATURE(name)          HF_BIT(HF_FEATURE_##name)
#define HF_PROTOCOL_FEATURE(name) HF_BIT(HF_PROTOCOL_FEATURE_##name)

/* Who makes use of a feature. A row of the tables is any of them together. */
enum hf_feature_use {
    HF_USE_DRIVER = 1,    /* our device offers it to the guest's driver, where the back-end does */
    HF_USE_FRONTEND = 2,  /* the library negotiates it for itself, where the back-end offers it */
    HF_USE_TARGET = 4,    /* holdfast-target offers it */
    HF_USE_TOLERATED = 8, /* it does not, but lets it be acknowledged: then it counts for nothing */
    HF_USE_PASSED = 16,   /* holdfast-relay offers it to the VMM, where the back-end does */
    HF_USE_RELAY = 32,    /* it does so in any case */
};

/* The mask of all features that are used so: one of the above, or several. */
uint64_t hf_features_for(unsigned uses);
uint64_t hf_protocol_features_for(unsigned uses);

/* Bits that belong to the type of the device (virtio 1.3 §2.2). */
#define HF_FEATURES_OF_TYPE (UINT64_C(0xffffff) | ~((UINT64_C(1) << 50) - 1))

/* "VERSION_1", "SCSI_HOTPLUG", ...; NULL for a bit without a name. */
const char *hf_feature_name(unsigned bit);
const char *hf_protocol_feature_name(unsigned bit);

#endif
