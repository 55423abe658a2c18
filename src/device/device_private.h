/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device consists of. For device/ only. */
#ifndef HF_DEVICE_DEVICE_PRIVATE_H
#define HF_DEVICE_DEVICE_PRIVATE_H

#include "device/device.h"
#include "vscsi/config.h"

/* What a driver may be offered: what we know the meaning of. Packed rings come later. */
#define HF_DEVICE_FEATURES                                                                         \
    (HF_FEATURE(SCSI_INOUT) | HF_FEATURE(SCSI_HOTPLUG) | HF_FEATURE(SCSI_CHANGE) |                 \
     HF_FEATURE(NOTIFY_ON_EMPTY) | HF_FEATURE(ANY_LAYOUT) | HF_FEATURE(INDIRECT_DESC) |            \
     HF_FEATURE(EVENT_IDX) | HF_FEATURE(VERSION_1))

/* What the device asks of each back-end. */
enum hf_device_question {
    HF_DEVICE_QUESTION_TRAILER, /* does it fence its units itself? */
    HF_DEVICE_QUESTION_RESET,
    HF_DEVICE_QUESTION_COUNT
};

struct hf_device {
    struct hf_frontend frontend;
    struct hf_frontend_ops frontend_ops;
    struct hf_device_ops ops;
    uint64_t offered; /* of the first back-end; later ones must offer what is in use */
    uint8_t status;
    bool fences;         /* the present back-end says so */
    unsigned unanswered; /* how often in a row a back-end was gone before it told */
    uint64_t questions_owed;
    enum hf_device_question question; /* the one under way */
    uint32_t question_number;
    struct hf_ring rings[HF_QUEUE_COUNT_MAX];
};

void hf_device_ask(struct hf_device *device, enum hf_device_question question);

#endif
