/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentence of every wire fault. */
#include "wire/fault.h"

static const char *const texts[HF_WIRE_FAULT_COUNT] = {
    [HF_WIRE_FAULT_NONE] = "nothing wrong",
    [HF_WIRE_FAULT_VERSION] = "a message of another protocol version than 1",
    [HF_WIRE_FAULT_FLAGS] = "a message with reserved flags set",
    [HF_WIRE_FAULT_NOT_A_REQUEST] = "a reply where a request was expected",
    [HF_WIRE_FAULT_NOT_A_REPLY] = "a request where a reply was expected",
    [HF_WIRE_FAULT_UNKNOWN_REQUEST] = "a reply with an unknown number",
    [HF_WIRE_FAULT_TOO_LONG] = "a message longer than any may be",
    [HF_WIRE_FAULT_LENGTH] = "a message whose length does not fit its number",
    [HF_WIRE_FAULT_CONTENT] = "a message whose length does not fit the count inside it",
    [HF_WIRE_FAULT_FDS_MISPLACED] = "file descriptors apart from the first byte of a message",
    [HF_WIRE_FAULT_FDS_TRUNCATED] = "more file descriptors than could be received",
    [HF_WIRE_FAULT_FDS_TOO_MANY] = "a message with too many file descriptors",
    [HF_WIRE_FAULT_FDS_TOO_FEW] = "a message with too few file descriptors",
};

const char *hf_wire_fault_text(enum hf_wire_fault fault)
{
    if ((unsigned)fault >= HF_WIRE_FAULT_COUNT)
        return "something unknown";
    return texts[fault];
}
