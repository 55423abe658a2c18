/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentences of the faults. Completes "SET_VRING_NUM: ...". */
#include "session/back_fault.h"

#include <stddef.h>

static const char *const texts[HF_BACK_FAULT_COUNT] = {
    [HF_BACK_FAULT_NONE] = "no fault",
    [HF_BACK_FAULT_NOT_SUPPORTED] = "not supported here, and not offered",
    [HF_BACK_FAULT_NOT_NEGOTIATED] = "the feature it belongs to is not negotiated",
    [HF_BACK_FAULT_NOT_A_REQUEST] = "not a front-end's request",
    [HF_BACK_FAULT_FEATURES] = "acknowledges features that were not offered",
    [HF_BACK_FAULT_PROTOCOL] = "acknowledges protocol features that were not offered",
    [HF_BACK_FAULT_RING_INDEX] = "there is no such ring",
    [HF_BACK_FAULT_RING_RUNNING] = "may be changed only while the ring is stopped",
    [HF_BACK_FAULT_RING_STARTED] = "the ring is started already",
    [HF_BACK_FAULT_RING_UNSET] = "the ring has no size or no addresses yet",
    [HF_BACK_FAULT_RING_SIZE] = "the ring size is not a power of two, or too large",
    [HF_BACK_FAULT_RING_BASE] = "the index does not fit a split ring (16 bits)",
    [HF_BACK_FAULT_RING_ADDRESS] = "the ring's addresses are not aligned",
    [HF_BACK_FAULT_RING_STATE] = "neither 0 nor 1",
    [HF_BACK_FAULT_REGION_EMPTY] = "a memory region is empty",
    [HF_BACK_FAULT_REGION_WRAPS] = "a memory region reaches beyond its address space",
    [HF_BACK_FAULT_REGION_OVERLAPS] = "memory regions overlap",
    [HF_BACK_FAULT_REGION_UNKNOWN] = "there is no such memory region",
    [HF_BACK_FAULT_REGION_SLOTS] = "more memory regions than there are slots",
    [HF_BACK_FAULT_INFLIGHT] = "an in-flight region like that cannot be",
    [HF_BACK_FAULT_INFLIGHT_SMALL] = "the in-flight region has no room for this ring",
    [HF_BACK_FAULT_LOG] = "a dirty log like that cannot be",
    [HF_BACK_FAULT_LOG_MISSING] = "LOG_ALL is set, and there is no dirty log to mark pages in",
    [HF_BACK_FAULT_LOG_SHORT] = "the dirty log does not cover the memory and the used rings",
    [HF_BACK_FAULT_CONFIG_RANGE] = "reaches beyond the config space",
    [HF_BACK_FAULT_EDGE] = "could not be carried out",
};

const char *hf_back_fault_text(enum hf_back_fault fault)
{
    return (unsigned)fault < HF_BACK_FAULT_COUNT ? texts[fault] : "an unknown fault";
}
