/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device asks of each back-end: one request at a time goes out; what is owed waits. */
#include "device/device_private.h"

#include <errno.h>

/* A crash may come between; but one that hangs up on the question again and again is let alone. */
#define UNANSWERED_MAX 3u

static void ask_next(struct hf_device *device)
{
    static const struct hf_asked questions[HF_DEVICE_QUESTION_COUNT] = {
        [HF_DEVICE_QUESTION_TRAILER] = { .request = HF_REQUEST_GET_CONFIG,
                                         .config.size_bytes = HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES },
        [HF_DEVICE_QUESTION_RESET] = { .request = HF_REQUEST_RESET_DEVICE },
    };

    for (unsigned i = 0; i < HF_DEVICE_QUESTION_COUNT; i++) {
        if ((device->questions_owed & HF_BIT(i)) == 0)
            continue;
        int64_t number = hf_frontend_ask(&device->frontend, &questions[i]);
        if (number < 0)
            return;
        device->questions_owed &= ~HF_BIT(i);
        device->question = (enum hf_device_question)i;
        device->question_number = (uint32_t)number;
        device->apply_owed |= i == HF_DEVICE_QUESTION_RESET; /* the rings wait for it */
        return;
    }
}

void hf_device_ask(struct hf_device *device, enum hf_device_question question)
{
    device->questions_owed |= HF_BIT(question);
    ask_next(device);
}

bool hf_device_reset_is_owed(const struct hf_device *device)
{
    return (device->questions_owed & HF_BIT(HF_DEVICE_QUESTION_RESET)) != 0;
}

/* Who comes next is asked anew, and knows nothing that had to be reset. */
void hf_device_forget_questions(struct hf_device *device)
{
    device->apply_owed |= hf_device_reset_is_owed(device);
    device->questions_owed = 0;
}

static void hear_trailer(struct hf_device *device, int error, const struct hf_message *reply)
{
    struct hf_vscsi_trailer trailer;
    const struct hf_wire_config *config = reply != NULL ? &reply->body.config : NULL;

    device->unanswered = error == ENOTCONN ? device->unanswered + 1 : 0;
    device->fences = config != NULL && reply->kind == HF_PAYLOAD_CONFIG &&
                     hf_vscsi_trailer_decode(config->data, config->size_bytes, &trailer) &&
                     (trailer.flags & HF_VSCSI_TRAILER_FENCED) != 0;
}

void hf_device_hear_answer(void *host, uint32_t number, int error, const struct hf_message *reply)
{
    struct hf_device *device = host;

    if (number == device->question_number && device->question == HF_DEVICE_QUESTION_TRAILER)
        hear_trailer(device, error, reply);
    ask_next(device);
}

void hf_device_greet(struct hf_device *device)
{
    const struct hf_session *session = &device->frontend.front.session;
    struct hf_promise *promise = &hf_frontend_plan(&device->frontend)->promise;

    device->fences = false;
    device->peer = (struct hf_device_peer){ .offered = session->offered,
                                            .protocol_offered = session->protocol_offered,
                                            .protocol = session->protocol,
                                            .queue_count = session->queue_count,
                                            .slot_count = session->slot_count };
    if (!device->realized && promise->features == 0) /* else a state was loaded */
        promise->features = session->offered & device->can;
    if ((session->protocol & HF_PROTOCOL_FEATURE(CONFIG)) != 0 &&
        device->unanswered < UNANSWERED_MAX)
        hf_device_ask(device, HF_DEVICE_QUESTION_TRAILER);
}
