/* SPDX-License-Identifier: BSD-3-Clause */
/* When a fault happens: with the message it was put to, or before that comes. */
#include "stand.h"

#include <stddef.h>

static struct mx_process *present(struct mx *mx)
{
    return mx_process_present(&mx->peers);
}

static void meet(struct mx *mx)
{
    enum sim_fault fault = mx->armed;

    mx->met++;
    mx->armed = SIM_FAULT_NONE;
    if (mx_faults[fault].act != NULL && (present(mx) != NULL || mx_faults[fault].before))
        mx_faults[fault].act(mx);
}

/* Needs somebody to do it. */
static bool has_nobody(struct mx *mx)
{
    return present(mx) == NULL || !present(mx)->alive;
}

static void meet_now(struct mx *mx)
{
    if (mx->armed != SIM_FAULT_NONE && mx_faults[mx->armed].before && mx->armed_at == 0 &&
        (mx->armed >= SIM_FAULT_HOST_STOP || !has_nobody(mx)))
        meet(mx);
}

/* In a turn of its own: whoever serves a message now, or calls the host, is not to be meddled
 * with. */
void mx_fault_arm(struct mx *mx, enum sim_fault fault, unsigned at)
{
    mx->armed = fault;
    mx->armed_at = at;
    mx->poor = mx_persona_good;
    if (fault != SIM_FAULT_NONE && mx_faults[fault].before && at == 0)
        mx_later(mx, 0, meet_now);
}

static bool applies_to_region(enum sim_twist twist)
{
    return twist == SIM_TWIST_NO_FD || twist == SIM_TWIST_OTHER_KIND ||
           twist == SIM_TWIST_BAD_REGION || twist == SIM_TWIST_NO_REGION;
}

/* There is such an answer to this message. */
static bool applies(enum sim_twist twist, const struct hf_message *message)
{
    const struct hf_request_info *info = hf_request_info(message->request);
    bool answered =
        hf_message_needs_reply(message) || (info != NULL && info->reply == HF_REPLY_OWN);

    if (applies_to_region(twist))
        return message->request == HF_REQUEST_GET_INFLIGHT_FD;
    if (twist == SIM_TWIST_WRONG_RING || twist == SIM_TWIST_WRONG_BASE)
        return message->request == HF_REQUEST_GET_VRING_BASE;
    /* What libvhost-user answers to SET_LOG_BASE is not 0, and no refusal. */
    if (twist == SIM_TWIST_NAK)
        return hf_message_needs_reply(message) && message->request != HF_REQUEST_SET_LOG_BASE;
    return answered;
}

/* The back-end cannot start the rings: it says so, or ends the session. */
static enum sim_twist fail_start(struct mx *mx, const struct hf_message *message)
{
    mx->start_to_fail = false;
    return hf_message_needs_reply(message) ? SIM_TWIST_NAK : SIM_TWIST_CLOSE;
}

enum sim_twist mx_fault_judge(void *context, struct mx_process *process,
                              const struct hf_message *message, bool *lost)
{
    struct mx *mx = context;
    enum sim_twist twist = mx_faults[mx->armed].twist;

    if (mx->start_to_fail && message->request == HF_REQUEST_SET_VRING_KICK)
        return fail_start(mx, message);
    if (mx->armed == SIM_FAULT_NONE || mx_faults[mx->armed].before || process != present(mx))
        return SIM_TWIST_NONE;
    if (mx->armed_at > 0) {
        mx->armed_at--;
        return SIM_TWIST_NONE;
    }
    if (twist != SIM_TWIST_NONE && !applies(twist, message))
        return SIM_TWIST_NONE;
    *lost = mx_faults[mx->armed].lost;
    meet(mx);
    return twist;
}

void mx_fault_served(void *context, struct mx_process *process)
{
    struct mx *mx = context;

    (void)process;
    if (mx->armed == SIM_FAULT_NONE || !mx_faults[mx->armed].before || mx->armed_at == 0)
        return;
    if (--mx->armed_at == 0)
        mx_later(mx, 0, meet_now);
}

void mx_fault_lift(struct mx *mx)
{
    mx->armed = SIM_FAULT_NONE;
    mx->start_to_fail = false;
    mx->extra_dispatches = 0;
    mx->asleep_until_ns = 0;
    if (mx->table_full)
        mx_fault_empty_table(mx);
}
