/* SPDX-License-Identifier: BSD-3-Clause */
/* The session's in-flight region and config space, and the reset of the device. */
#include <errno.h>
#include <string.h>

#include "os/fd.h"
#include "os/lock.h"
#include "ring/inflight.h"
#include "target/session_parts.h"
#include "target/target.h"

/* A memfd that nobody can shrink under us, all zeros: version 0 of every queue. We keep nothing of
 * it: the front-end gives it back when it wants it used. */
void hf_session_inflight_create(struct hf_session *session, const struct hf_back_effect *effect)
{
    struct hf_wire_inflight *answer = &session->answer.inflight;

    (void)effect;
    *answer = session->back.request.body.inflight;
    answer->mmap_size_bytes =
        answer->queue_count * hf_inflight_stride(answer->queue_size, HF_INFLIGHT_ALIGNMENT);
    answer->mmap_offset = 0;
    int fd = hf_region_create("holdfast-inflight", answer->mmap_size_bytes);
    struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE,
                                  .result = fd < 0 ? fd : 0,
                                  .body = &session->answer,
                                  .fd = fd < 0 ? -1 : fd };
    hf_session_post(session, &done);
}

void hf_session_forget_inflight(struct hf_session *session)
{
    hf_session_unmap(&session->inflight);
    hf_fd_close(&session->inflight_fd);
    hf_fd_close(&session->inflight_lock_fd);
    session->region = (struct hf_inflight_region){ 0 };
    memset(&session->nexus.recovered, 0, sizeof(session->nexus.recovered));
}

/* No ring runs: the core saw to that, and it judged the numbers. */
void hf_session_inflight_adopt(struct hf_session *session, const struct hf_back_effect *effect)
{
    const struct hf_wire_inflight *inflight = &session->back.request.body.inflight;
    HF_AUTO_FD int fd = effect->fd;
    const struct hf_session_part part = { "in-flight region", inflight->mmap_offset,
                                          inflight->mmap_size_bytes };

    hf_session_forget_inflight(session);
    session->inflight_told = *inflight;
    int failed = hf_session_map(session, &session->inflight, fd, &part);
    if (failed == 0 && hf_inflight_region_init(&session->region, session->inflight.start,
                                               inflight->mmap_size_bytes,
                                               inflight->queue_count) != HF_INFLIGHT_FAULT_NONE)
        failed = -EINVAL;
    if (failed == 0)
        session->inflight_fd = hf_fd_steal(&fd);
    else
        hf_session_forget_inflight(session);
    hf_session_post_done(session, failed);
}

/* A front-end that settles the region after a crash leaves it to the holder of this lock: what it
 * saw die may have been a go-between. And two sessions never use one region, whoever serves them.
 */
bool hf_session_hold_inflight(struct hf_session *session)
{
    const struct hf_wire_inflight *inflight = &session->inflight_told;

    if (session->inflight_fd < 0 || session->inflight_lock_fd >= 0)
        return true;
    int lock = hf_lock_part(session->inflight_fd, inflight->mmap_offset, inflight->mmap_size_bytes);
    if (lock == -EOPNOTSUPP) {
        hf_session_warn(session, "its in-flight region cannot be locked here (no /proc?): nothing "
                                 "keeps another back-end off it");
        return true;
    }
    if (lock >= 0)
        session->inflight_lock_fd = lock;
    return lock >= 0;
}

void hf_session_release_inflight(struct hf_session *session)
{
    hf_fd_close(&session->inflight_lock_fd);
}

/* All that is offered can be used. */
void hf_session_features(struct hf_session *session, const struct hf_back_effect *effect)
{
    (void)effect;
    hf_session_post_done(session, 0);
}

void hf_session_config_get(struct hf_session *session, const struct hf_back_effect *effect)
{
    const struct hf_wire_config *asked = &session->back.request.body.config;

    (void)effect;
    session->answer.config = *asked;
    memcpy(session->answer.config.data, session->target->config + asked->offset, asked->size_bytes);
    struct hf_back_event done = { .kind = HF_BACK_EVENT_DONE, .body = &session->answer, .fd = -1 };
    hf_session_post(session, &done);
}

/* A driver may write sense_size and cdb_size (virtio 1.3 §5.6.4); we serve the sizes that are
 * there. Writing what is there already is no change. */
void hf_session_config_set(struct hf_session *session, const struct hf_back_effect *effect)
{
    const struct hf_wire_config *wanted = &session->back.request.body.config;
    bool same =
        memcmp(session->target->config + wanted->offset, wanted->data, wanted->size_bytes) == 0;

    (void)effect;
    hf_session_post_done(session, same ? 0 : -EROFS);
}

/* Kept until the session ends. We have nothing to ask yet, but user-mode Linux 6.1 sets its rings'
 * interrupts up together with this channel and cannot run without it. */
void hf_session_channel(struct hf_session *session, const struct hf_back_effect *effect)
{
    hf_fd_close(&session->channel_fd);
    session->channel_fd = effect->fd;
    hf_session_post_done(session, 0);
}

void hf_session_reset(struct hf_session *session, const struct hf_back_effect *effect)
{
    (void)effect;
    hf_session_forget_inflight(session);
}
