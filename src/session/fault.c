/* SPDX-License-Identifier: BSD-3-Clause */
/* Every fault names its remedy; one without cannot be added to the table. */
#include "session/fault.h"

#include "base/check.h"

#define TEXT_AND_REMEDY(sentence, cure)                                                            \
    {                                                                                              \
        .text = (sentence), .remedy = (cure)                                                       \
    }

static const struct {
    const char *text;
    enum hf_remedy remedy;
} faults[] = {
    [HF_FAULT_NONE] = TEXT_AND_REMEDY("no fault", HF_REMEDY_NONE),
    [HF_FAULT_REFUSED_DIAL] = TEXT_AND_REMEDY("unable to connect", HF_REMEDY_REDIAL),
    [HF_FAULT_HANGUP] = TEXT_AND_REMEDY("back-end closed the connection", HF_REMEDY_REDIAL),
    [HF_FAULT_TIMEOUT] = TEXT_AND_REMEDY("back-end did not answer in time", HF_REMEDY_REDIAL),
    [HF_FAULT_STOP_TIMEOUT] =
        TEXT_AND_REMEDY("back-end did not stop a ring in time", HF_REMEDY_REDIAL),
    [HF_FAULT_MALFORMED] = TEXT_AND_REMEDY("back-end sent a malformed message", HF_REMEDY_REDIAL),
    [HF_FAULT_UNEXPECTED] =
        TEXT_AND_REMEDY("back-end sent a message nobody asked for", HF_REMEDY_REDIAL),
    [HF_FAULT_NAK] = TEXT_AND_REMEDY("back-end refused a request", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_FEATURES_LOST] =
        TEXT_AND_REMEDY("back-end lacks a feature in use", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_PROTOCOL_LOST] =
        TEXT_AND_REMEDY("back-end lacks a protocol feature in use", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_QUEUES_LOST] =
        TEXT_AND_REMEDY("back-end has fewer queues than in use", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_SLOTS_LOST] =
        TEXT_AND_REMEDY("back-end takes fewer memory regions than in use", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_INFLIGHT_INVALID] =
        TEXT_AND_REMEDY("back-end gave an invalid in-flight region", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_INFLIGHT_LAYOUT] = TEXT_AND_REMEDY(
        "back-end cannot take over the in-flight region in use", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_RING_INDEX] = TEXT_AND_REMEDY("back-end answered for another ring", HF_REMEDY_REDIAL),
    [HF_FAULT_LOCAL] =
        TEXT_AND_REMEDY("the front-end could not do its part", HF_REMEDY_REDIAL_LATER),
    [HF_FAULT_OUTAGE] =
        TEXT_AND_REMEDY("back-end away for longer than the outage limit", HF_REMEDY_GIVE_UP),
    [HF_FAULT_CUT] = TEXT_AND_REMEDY("cut off without waiting for a stop", HF_REMEDY_REDIAL),
    [HF_FAULT_NO_ADDRESS] = TEXT_AND_REMEDY(
        "the socket that was given is used up, and there is no path to dial", HF_REMEDY_GIVE_UP),
};

_Static_assert(HF_ARRAY_COUNT(faults) == HF_FAULT_COUNT, "each fault has a text and a remedy");

const char *hf_fault_text(enum hf_fault fault)
{
    return (unsigned)fault < HF_FAULT_COUNT ? faults[fault].text : "unknown fault";
}

enum hf_remedy hf_fault_remedy(enum hf_fault fault)
{
    HF_CHECK((unsigned)fault < HF_FAULT_COUNT);
    return faults[fault].remedy;
}
