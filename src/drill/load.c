/* SPDX-License-Identifier: BSD-3-Clause */
/* One front-end attached to the back-end, the disk it writes to, and its load. */
#include "drill/load.h"

#include "base/checked.h"
#include "drill/state.h"
#include "os/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ATTACH_LIMIT_NS (10 * HF_NS_PER_S)
#define POOL_BYTES      (UINT64_C(48) << 20)
#define POOL_COUNT_MAX  4096u
#define DISKS_MAX       256u

static unsigned lane_count(const struct hf_drill_settings *settings)
{
    return (unsigned)settings->depth * settings->queues;
}

/* Every lane needs one; as many more as memory allows are there for quarantine. */
static unsigned buffer_count(const struct hf_drill_settings *settings)
{
    uint64_t fit = POOL_BYTES / hf_pool_bytes(settings->block_size_bytes, 1);
    uint64_t more = hf_min_u64(hf_max_u64(fit, 8), POOL_COUNT_MAX);

    return lane_count(settings) + (unsigned)more;
}

static void ring_fault(void *host, uint16_t queue, enum hf_ring_fault fault)
{
    struct hf_drill *drill = ((struct hf_load *)host)->drill;
    bool skipped = fault == HF_RING_FAULT_USED_ID;

    hf_tally_add(&drill->outcome->tally, skipped ? HF_FINDING_UNASKED : HF_FINDING_RING,
                 "queue %u: %s", queue, hf_ring_fault_text(fault));
    if (!skipped)
        drill->hopeless = true;
}

/* A back-end may come and go. Behind a relay nobody may notice: that is what it is for. */
static void device_event(void *host, const struct hf_device_event *event)
{
    struct hf_load *load = host;
    struct hf_drill *drill = load->drill;

    if (!drill->settings->via_relay || load->initiator == NULL)
        return;
    if (event->kind != HF_DEVICE_EVENT_LOST && event->kind != HF_DEVICE_EVENT_REFUSED &&
        event->kind != HF_DEVICE_EVENT_FAILED)
        return;
    hf_tally_add(&drill->outcome->tally, HF_FINDING_HANG_UP, "front-end %u: %s", load->index,
                 event->text);
    drill->hopeless = true;
}

static int attach(struct hf_load *load, struct hf_error *error)
{
    const struct hf_drill_settings *settings = load->drill->settings;
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_ops ops = { .host = load,
                                    .device_event = device_event,
                                    .ring_fault = ring_fault };
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + ATTACH_LIMIT_NS,
                                      .patient = true };

    config.socket_path = hf_scene_front_path(&load->drill->scene, load->index);
    config.queue_count = settings->queues;
    config.depth = settings->depth;
    config.segments_max = 2;
    config.recovery = settings->recovery;
    config.polls = settings->polls;
    config.cancel = &load->drill->interrupted;
    config.buffer_size = hf_pool_bytes(settings->block_size_bytes, buffer_count(settings)) +
                         HF_DISCOVERY_BUFFER_SIZE;
    int ret = hf_initiator_new(&load->initiator, &config, &load->drill->loop, &ops, error);
    if (ret == 0)
        ret = hf_initiator_connect(load->initiator, &wait, error);
    if (ret == 0)
        ret = hf_initiator_start(load->initiator, &wait, error);
    if (ret == 0)
        load->drill->outcome->recovery = hf_initiator_recovery(load->initiator);
    return ret;
}

/* The first disk that can be written; without our own file, whatever is on it is lost. */
static int choose_disk(struct hf_load *load, struct hf_error *error)
{
    struct hf_disk disks[DISKS_MAX];
    struct hf_disk_list list = { .disks = disks, .capacity = DISKS_MAX };
    int ret = hf_discovery_run(load->initiator, hf_initiator_buffer(load->initiator),
                               hf_clock_ns() + ATTACH_LIMIT_NS, &list, error);

    for (unsigned i = 0; ret == 0 && i < list.count; i++) {
        if (disks[i].type != 0 || disks[i].read_only || disks[i].blocks == 0)
            continue;
        load->disk = disks[i];
        return 0;
    }
    return ret < 0 ? ret : hf_error_set(error, ENODEV, "the back-end has no disk to write to");
}

static int check_disk(struct hf_load *load, struct hf_error *error)
{
    uint32_t lba_size = load->disk.block_size_bytes;
    uint32_t block_size = load->drill->settings->block_size_bytes;

    if (lba_size < HF_CONTENT_SECTOR_SIZE || lba_size % HF_CONTENT_SECTOR_SIZE != 0)
        return hf_error_set(error, EINVAL, "the disk has blocks of %u bytes", lba_size);
    if (block_size % lba_size != 0)
        return hf_error_set(error, EINVAL, "--bs=%u is no multiple of the disk's block of %u bytes",
                            block_size, lba_size);
    return 0;
}

/* The hot set lies spread over the whole disk, so that addresses have all their bits; the blocks of
 * the other front-ends lie between. */
static int make_ledger(struct hf_load *load, struct hf_error *error)
{
    struct hf_ledger *ledger = &load->ledger;
    uint64_t disk_bytes = load->disk.blocks * load->disk.block_size_bytes;
    uint64_t disk_blocks = disk_bytes / load->drill->settings->block_size_bytes;

    ledger->seed = load->drill->settings->seed;
    ledger->block_size_bytes = load->drill->settings->block_size_bytes;
    ledger->count = lane_count(load->drill->settings) * HF_WORKLOAD_BLOCKS_PER_LANE;
    uint64_t needed_blocks = (uint64_t)ledger->count * load->drill->settings->front_ends;
    if (disk_blocks < needed_blocks)
        return hf_error_set(error, ENOSPC, "the disk has %llu bytes, the drill needs %llu",
                            (unsigned long long)disk_bytes,
                            (unsigned long long)needed_blocks * ledger->block_size_bytes);
    ledger->stride_bytes = disk_blocks / ledger->count * ledger->block_size_bytes;
    ledger->first_bytes = load->index * (uint64_t)ledger->block_size_bytes;
    ledger->blocks = calloc(ledger->count, sizeof(*ledger->blocks));
    return ledger->blocks == NULL ? hf_error_set(error, ENOMEM, "no memory for the ledger") : 0;
}

static int make_workload(struct hf_load *load, struct hf_error *error)
{
    const struct hf_drill_settings *settings = load->drill->settings;
    struct hf_workload_setup setup = {
        .initiator = load->initiator,
        .ledger = &load->ledger,
        .pool = &load->pool,
        .tally = &load->drill->outcome->tally,
        .queue_count = settings->queues,
        .depth = settings->depth,
        .target = load->disk.target,
        .lun = load->disk.lun,
        .lba_size_bytes = load->disk.block_size_bytes,
        .mix = settings->mix,
        .rate = (settings->rate + settings->front_ends - 1) / settings->front_ends,
        .seed = settings->seed + load->index + UINT64_C(1000) * load->lives,
    };
    int ret = hf_pool_init(&load->pool, hf_initiator_buffer(load->initiator),
                           hf_pool_bytes(settings->block_size_bytes, buffer_count(settings)),
                           settings->block_size_bytes, &load->drill->outcome->tally);

    if (ret == 0)
        ret = hf_workload_init(&load->workload, &setup);
    return ret < 0 ? hf_error_set(error, -ret, "no memory for the workload") : 0;
}

int hf_load_prepare(struct hf_load *load, struct hf_error *error)
{
    int (*const stages[])(struct hf_load *, struct hf_error *) = {
        attach, choose_disk, check_disk, make_ledger, make_workload,
    };
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < sizeof(stages) / sizeof(stages[0]); i++)
        ret = stages[i](load, error);
    return ret;
}

void hf_load_add_to_aim(const struct hf_load *load, struct hf_aim *aim)
{
    for (uint16_t i = 0; load->initiator != NULL && i < load->drill->settings->queues; i++) {
        struct hf_ring ring = hf_initiator_ring(load->initiator, i);
        hf_aim_add(aim, &ring);
    }
}

unsigned hf_load_kill(struct hf_load *load)
{
    unsigned in_flight = 0;

    for (uint16_t i = 0; i < load->drill->settings->queues; i++) {
        struct hf_ring ring = hf_initiator_ring(load->initiator, i);
        in_flight += (uint16_t)(hf_ring_avail_index(&ring) - hf_ring_used_index(&ring));
    }
    hf_workload_abandon(&load->workload);
    hf_load_detach(load);
    hf_workload_done(&load->workload);
    hf_pool_done(&load->pool);
    load->lives++;
    return in_flight;
}

int hf_load_again(struct hf_load *load, struct hf_error *error)
{
    struct hf_drill *drill = load->drill;
    int ret = attach(load, error);

    if (ret == 0)
        ret = make_workload(load, error);
    if (ret < 0 && !drill->interrupted) {
        hf_tally_add(&drill->outcome->tally, HF_FINDING_HANG_UP, "the next VMM is not served: %s",
                     error->text);
        hf_error_clear(error);
        drill->hopeless = true;
        return 0;
    }
    if (ret < 0)
        return ret;
    hf_workload_mark(&load->workload);
    hf_workload_set_mode(&load->workload, HF_WORKLOAD_RUN);
    return 0;
}

void hf_load_detach(struct hf_load *load)
{
    if (load->pool.buffers != NULL)
        hf_pool_check(&load->pool);
    hf_initiator_free(load->initiator);
    load->initiator = NULL;
}

void hf_load_done(struct hf_load *load)
{
    hf_initiator_free(load->initiator);
    hf_workload_done(&load->workload);
    hf_pool_done(&load->pool);
    free(load->ledger.blocks);
}
