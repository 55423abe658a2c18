/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session's dirty log: mapped here, written by the workers (serve_log.h). The core has judged
 * it as numbers; what is left is whether the file holds it. A log is replaced as memory is: the
 * workers change over while they go on, and the old one is unmapped when the last one has.
 */
#include "os/fd.h"
#include "target/session_parts.h"
#include "target/target.h"

struct hf_queue_log hf_session_queue_log(const struct hf_session *session, uint16_t index)
{
    const struct hf_wire_vring_addr *told = &session->back.rings[index].addresses;

    if (!session->logs || !session->log.base)
        return (struct hf_queue_log){ .used_ring = false };
    return (struct hf_queue_log){ .log = { session->log.start, session->log.size_bytes },
                                  .used_ring = (told->flags & HF_WIRE_VRING_F_LOG) != 0,
                                  .used_ring_address = told->log };
}

static void finish(struct hf_session *session)
{
    struct hf_unmap *lot = session->old_log.base ? hf_unmap_new(1) : NULL;

    hf_unmap_add(lot, &session->old_log);
    if (!hf_session_unmap_lot(session, lot))
        hf_session_post_done(session, 0);
}

static void on_log_changed(void *context, const struct hf_queue_answer *answer)
{
    struct hf_session *session = context;

    (void)answer; /* an abandoned queue marks nothing either once it answers */
    session->orders_awaited--;
    if (--session->log_awaited == 0)
        finish(session);
    hf_session_run(session);
    hf_session_settle(session);
}

static void tell_ring(struct hf_session *session, uint16_t index)
{
    const struct hf_queue_log log = hf_session_queue_log(session, index);

    if (session->rings[index].phase != HF_RING_PHASE_SERVED)
        return;
    session->log_awaited++;
    session->orders_awaited++;
    hf_queue_set_log(session->rings[index].queue, &log,
                     (struct hf_queue_reply){ .call = on_log_changed, .context = session });
}

static void tell_all(struct hf_session *session)
{
    for (uint16_t i = 0; i < session->back.offer.ring_count; i++)
        tell_ring(session, i);
    if (session->log_awaited == 0)
        finish(session);
}

void hf_session_log_map(struct hf_session *session, const struct hf_back_effect *effect)
{
    const struct hf_wire_log *told = &session->back.request.body.log;
    const struct hf_session_part part = { "dirty log", told->mmap_offset, told->size_bytes };
    HF_AUTO_FD int fd = effect->fd;
    struct hf_mapping next;

    int failed = hf_session_map(session, &next, fd, &part);
    if (failed < 0) {
        hf_session_post_done(session, failed);
        return;
    }
    session->old_log = session->log;
    session->log = next;
    if (session->logs)
        tell_all(session);
    else
        finish(session);
}

void hf_session_log_switch(struct hf_session *session, const struct hf_back_effect *effect)
{
    session->logs = effect->value != 0;
    tell_all(session);
}

void hf_session_ring_log(struct hf_session *session, const struct hf_back_effect *effect)
{
    tell_ring(session, effect->ring);
    if (session->log_awaited == 0)
        finish(session);
}
