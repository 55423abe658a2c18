/* SPDX-License-Identifier: BSD-3-Clause */
/* The data path: a lane's request is answered, counted, and sent again for another block. One clock
 * reading serves both. */
#include "bench/state.h"

#include "base/checked.h"
#include "os/clock.h"
#include "scsi/cdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_SIZE 4096u

size_t hf_bench_lane_bytes(const struct hf_bench_settings *settings)
{
    return hf_align_up(settings->block_size_bytes, PAGE_SIZE);
}

unsigned hf_bench_lane_count(const struct hf_bench_settings *settings)
{
    return (unsigned)settings->depth * settings->queues;
}

static int submit(struct hf_bench_lane *lane, uint64_t now_ns)
{
    struct hf_bench *bench = lane->bench;
    struct hf_access_step step = hf_access_next(&bench->access);
    uint64_t lba = bench->first_lba + step.block * bench->lbas_per_block;

    if (step.write)
        hf_cdb_write(lane->request.cdb, lba, bench->lbas_per_block, false);
    else
        hf_cdb_read(lane->request.cdb, lba, bench->lbas_per_block);
    lane->request.direction = step.write ? HF_DIRECTION_OUT : HF_DIRECTION_IN;
    lane->submitted_ns = now_ns;
    return hf_initiator_submit(bench->initiator, lane->queue, &lane->request);
}

static void note_failure(struct hf_bench_outcome *outcome, const struct hf_initiator_result *result)
{
    const struct hf_sense *sense = &result->sense;

    if (outcome->failed++ > 0)
        return;
    if (result->response != HF_VSCSI_OK)
        snprintf(outcome->failure, sizeof(outcome->failure), "response %s",
                 hf_vscsi_code_name(result->response));
    else if (result->status != HF_STATUS_GOOD)
        snprintf(outcome->failure, sizeof(outcome->failure),
                 "status 0x%02x, sense key %u, code %02x/%02x", result->status, sense->key,
                 sense->asc, sense->ascq);
    else
        snprintf(outcome->failure, sizeof(outcome->failure), "%u bytes were not moved",
                 result->resid);
}

static void done(struct hf_initiator_request *request, const struct hf_initiator_result *result)
{
    struct hf_bench_lane *lane = (struct hf_bench_lane *)request;
    struct hf_bench *bench = lane->bench;
    uint64_t now_ns = hf_clock_ns();

    bench->last_ns = now_ns;
    if (hf_initiator_good(result) && result->resid == 0)
        hf_histogram_add(&bench->outcome->latency_ns, now_ns - lane->submitted_ns);
    else
        note_failure(bench->outcome, result);
    if (!bench->stopping && submit(lane, now_ns) < 0)
        bench->gave_up = true;
}

static void init_lane(struct hf_bench *bench, unsigned index, uint8_t *memory)
{
    struct hf_bench_lane *lane = &bench->lanes[index];

    *lane = (struct hf_bench_lane){
        .request = { .target = bench->outcome->disk.target,
                     .lun = bench->outcome->disk.lun,
                     .iov = &lane->iov,
                     .iov_count = 1,
                     .done = done },
        .bench = bench,
        .iov = { .iov_base = memory, .iov_len = bench->settings->block_size_bytes },
        .queue = (uint16_t)(index % bench->settings->queues),
    };
}

/* What is written should not compress, nor be the zeros of a hole. */
static void fill(struct hf_bench *bench, size_t size_bytes)
{
    uint64_t *words = hf_initiator_buffer(bench->initiator);
    struct hf_random random = { .state = hf_random_mix(bench->settings->seed + 1) };

    for (size_t i = 0; i < size_bytes / sizeof(*words); i++)
        words[i] = hf_random_next(&random);
}

int hf_bench_lanes_init(struct hf_bench *bench)
{
    unsigned count = hf_bench_lane_count(bench->settings);
    size_t stride = hf_bench_lane_bytes(bench->settings);
    uint8_t *memory = hf_initiator_buffer(bench->initiator);

    bench->lanes = calloc(count, sizeof(*bench->lanes));
    if (bench->lanes == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < count; i++)
        init_lane(bench, i, memory + i * stride);
    fill(bench, count * stride);
    return 0;
}

int hf_bench_lanes_start(struct hf_bench *bench, uint64_t now_ns)
{
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < hf_bench_lane_count(bench->settings); i++)
        ret = submit(&bench->lanes[i], now_ns);
    hf_initiator_push(bench->initiator);
    return ret;
}
