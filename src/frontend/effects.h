/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of frontend/ only. */
#ifndef HF_FRONTEND_EFFECTS_H
#define HF_FRONTEND_EFFECTS_H

#include "frontend/frontend.h"

/* The largest in-flight region worth reading: 256 rings of 32768, any stride up to twice the least.
 */
#define HF_FRONTEND_REGION_SIZE_MAX (UINT64_C(1) << 28)

/* frontend.c: queues an event; it is stepped at once unless a step is under way. */
void hf_frontend_post(struct hf_frontend *frontend, struct hf_event event);
/* effects.c: carries out what frontend->effects holds, in order. */
void hf_frontend_carry_out(struct hf_frontend *frontend);
/* report.c */
void hf_frontend_report(struct hf_frontend *frontend, const struct hf_report *report);
/* fence.c */
void hf_frontend_fence(struct hf_frontend *frontend, bool fence);
void hf_frontend_same_peer(struct hf_frontend *frontend);
void hf_frontend_fence_done(struct hf_frontend *frontend);
/* After it: a command still under way is the host's to reap. */
void hf_frontend_fence_forget(struct hf_frontend *frontend);
/* settle.c: where did the rings come to rest? Into frontend->settlement. `write_back`: nobody else
 * touches the region now. */
void hf_frontend_settle(struct hf_frontend *frontend, bool write_back);

/* settle.c: the lock that a back-end of ours holds while rings run on the region. Returns an fd
 * that holds it, or -errno as hf_lock_part: -EOPNOTSUPP = there is no region, or nobody can lock
 * it. */
int hf_frontend_lock_region(const struct hf_frontend *frontend);

/* convert.c: the plan's region, copied into `offer` (its descriptor comes back with the event). */
void hf_frontend_convert(struct hf_frontend *frontend, const struct hf_inflight_plan *offer);
/* convert.c: what became of the process that wrote the region last. Before hf_frontend_fence. */
void hf_frontend_writer_stopped(struct hf_frontend *frontend);
void hf_frontend_writer_lost(struct hf_frontend *frontend);

/* settle.c: a region just received starts with the used indices of its rings. */
void hf_frontend_begin_region(struct hf_frontend *frontend);

#endif
