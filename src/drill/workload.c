/* SPDX-License-Identifier: BSD-3-Clause */
/* Lanes: what each does next, and what it makes of an answer. */
#include "drill/workload.h"

#include "base/check.h"
#include "base/checked.h"

#include "os/clock.h"
#include "scsi/cdb.h"

#include <errno.h>
#include <stdlib.h>

#define AGAIN_NS       (UINT64_C(1) * HF_NS_PER_S) /* a parked block is read again after this */
#define READ_BACK_EACH 4u                          /* one of so many writes is read back at once */
#define PARK_EACH      4u                          /* one of so many read-backs parks its block */
#define SPLIT_EACH     4u                          /* one of so many requests has two segments */

#define NOT_SHOWN_NS   UINT64_MAX
#define RATE_CREDIT_NS (10 * HF_NS_PER_MS)

enum lane_step {
    STEP_WRITE,
    STEP_READ_BACK,  /* own block, before it is written again */
    STEP_READ_LATER, /* own block, parked for a second */
    STEP_READ,       /* any block, also while it is written */
    STEP_FLUSH,
};

struct lane_block {
    uint32_t block;
    uint64_t parked_ns; /* do not write before it was read again at this time; 0 = free */
};

struct hf_workload_lane {
    struct hf_initiator_request request; /* first: the callback finds the lane */
    struct hf_workload *workload;
    struct hf_link link; /* idle or fresh */
    struct hf_random random;
    struct lane_block own[HF_WORKLOAD_BLOCKS_PER_LANE];
    struct lane_block *parked; /* the one to be read later, or that was */
    struct hf_pool_buffer *buffer;
    struct iovec iov[2];
    struct hf_ledger_read read;
    struct hf_content_id written;
    enum lane_step step;
    uint32_t block;
    uint16_t queue;
    bool again; /* write the same block next */
    bool out;
    bool overdue;
    uint64_t shown_ns; /* no earlier than the device could see it */
};

/* ---- posting ---- */

static void make_idle(struct hf_workload_lane *lane)
{
    lane->out = false;
    hf_list_append(&lane->workload->idle, &lane->link);
}

static void set_buffer(struct hf_workload_lane *lane)
{
    size_t size = lane->workload->setup.ledger->block_size_bytes;
    size_t sectors = size / HF_CONTENT_SECTOR_SIZE;
    size_t first = size;

    if (sectors > 1 && hf_random_below(&lane->random, SPLIT_EACH) == 0)
        first = (1 + hf_random_below(&lane->random, sectors - 1)) * HF_CONTENT_SECTOR_SIZE;
    lane->iov[0] = (struct iovec){ .iov_base = lane->buffer->bytes, .iov_len = first };
    lane->iov[1] =
        (struct iovec){ .iov_base = lane->buffer->bytes + first, .iov_len = size - first };
    lane->request.iov = lane->iov;
    lane->request.iov_count = first == size ? 1 : 2;
}

static void set_write(struct hf_workload_lane *lane)
{
    const struct hf_workload_setup *setup = &lane->workload->setup;
    struct hf_ledger *ledger = setup->ledger;

    hf_ledger_post_write(ledger, lane->block);
    lane->written = hf_ledger_id(ledger, lane->block);
    hf_content_fill(lane->buffer->bytes, ledger->block_size_bytes, &lane->written);
    hf_cdb_write(lane->request.cdb, lane->written.address / setup->lba_size_bytes,
                 ledger->block_size_bytes / setup->lba_size_bytes, false);
    lane->request.direction = HF_DIRECTION_OUT;
}

static void set_read(struct hf_workload_lane *lane)
{
    const struct hf_workload_setup *setup = &lane->workload->setup;
    struct hf_ledger *ledger = setup->ledger;
    struct hf_content_id id = hf_ledger_id(ledger, lane->block);

    lane->read = hf_ledger_post_read(ledger, lane->block);
    hf_content_poison(lane->buffer->bytes, ledger->block_size_bytes);
    hf_cdb_read(lane->request.cdb, id.address / setup->lba_size_bytes,
                ledger->block_size_bytes / setup->lba_size_bytes);
    lane->request.direction = HF_DIRECTION_IN;
}

static void set_flush(struct hf_workload_lane *lane)
{
    hf_cdb_synchronize_cache_10(lane->request.cdb, 0, 0);
    lane->request.direction = HF_DIRECTION_NONE;
    lane->request.iov_count = 0;
}

static void post(struct hf_workload_lane *lane)
{
    struct hf_workload *workload = lane->workload;

    if (lane->step == STEP_FLUSH) {
        set_flush(lane);
    } else {
        lane->buffer = hf_pool_take(workload->setup.pool);
        set_buffer(lane);
        if (lane->step == STEP_WRITE)
            set_write(lane);
        else
            set_read(lane);
    }
    lane->shown_ns = NOT_SHOWN_NS;
    hf_list_append(&workload->fresh, &lane->link);
    lane->overdue = false;
    lane->out = true;
    workload->out++;
    int ret = hf_initiator_submit(workload->setup.initiator, lane->queue, &lane->request);
    HF_CHECK(ret == 0); /* a lane has a slot, and its memory is registered */
}

/* The time is taken afterwards: between making a request and showing it, the back-end is as idle as
 * without it, and a kill then met nothing. */
static void push(struct hf_workload *workload)
{
    hf_initiator_push(workload->setup.initiator);
    uint64_t now = hf_clock_ns();

    while (!hf_list_empty(&workload->fresh)) {
        struct hf_link *link = workload->fresh.next;
        HF_CONTAINER(link, struct hf_workload_lane, link)->shown_ns = now;
        hf_list_remove(link);
    }
}

/* ---- what next ---- */

static struct lane_block *due_block(struct hf_workload_lane *lane, uint64_t now_ns)
{
    for (unsigned i = 0; i < HF_WORKLOAD_BLOCKS_PER_LANE; i++) {
        if (lane->own[i].parked_ns != 0 && lane->own[i].parked_ns <= now_ns)
            return &lane->own[i];
    }
    return NULL;
}

static unsigned parked_count(const struct hf_workload_lane *lane)
{
    unsigned count = 0;

    for (unsigned i = 0; i < HF_WORKLOAD_BLOCKS_PER_LANE; i++)
        count += lane->own[i].parked_ns != 0;
    return count;
}

static uint32_t free_block(struct hf_workload_lane *lane)
{
    uint64_t at = hf_random_below(&lane->random, HF_WORKLOAD_BLOCKS_PER_LANE);

    while (lane->own[at].parked_ns != 0)
        at = (at + 1) % HF_WORKLOAD_BLOCKS_PER_LANE;
    return lane->own[at].block;
}

static void choose_write(struct hf_workload_lane *lane)
{
    lane->step = STEP_WRITE;
    /* Half of the writes hit the block that was just written, in the next generation. */
    if (!lane->again || hf_random_below(&lane->random, 2) == 0)
        lane->block = free_block(lane);
    lane->again = false;
}

static void choose_step(struct hf_workload_lane *lane, uint64_t now_ns)
{
    struct hf_workload *workload = lane->workload;
    const struct hf_workload_mix *mix = &workload->setup.mix;
    uint64_t dice = hf_random_below(&lane->random, 100);

    lane->parked = due_block(lane, now_ns);
    if (lane->parked != NULL) {
        lane->step = STEP_READ_LATER;
        lane->block = lane->parked->block;
        lane->again = false;
    } else if (dice < mix->flush) {
        lane->step = STEP_FLUSH;
    } else if (dice < mix->flush + mix->read) {
        lane->step = STEP_READ;
        lane->block = (uint32_t)hf_random_below(&lane->random, workload->setup.ledger->count);
        lane->again = false;
    } else {
        choose_write(lane);
    }
}

/* False if the mode begins nothing more. */
static bool choose(struct hf_workload_lane *lane, uint64_t now_ns)
{
    struct hf_workload *workload = lane->workload;
    uint32_t limit = workload->mode == HF_WORKLOAD_FLUSH ? 1 : workload->setup.ledger->count;

    if (workload->mode == HF_WORKLOAD_STOPPED)
        return false;
    if (workload->mode == HF_WORKLOAD_RUN) {
        choose_step(lane, now_ns);
        return true;
    }
    if (workload->next_block >= limit)
        return false;
    lane->block = workload->next_block++;
    lane->step = workload->mode == HF_WORKLOAD_FILL    ? STEP_WRITE
                 : workload->mode == HF_WORKLOAD_SWEEP ? STEP_READ
                                                       : STEP_FLUSH;
    return true;
}

static bool rate_allows(struct hf_workload *workload, uint64_t now_ns)
{
    if (workload->setup.rate == 0 || workload->mode != HF_WORKLOAD_RUN)
        return true;
    if (now_ns < workload->next_ns)
        return false;
    /* What could not be begun in time is made up for, within limits. */
    workload->next_ns =
        hf_max_u64(workload->next_ns, now_ns - RATE_CREDIT_NS) + HF_NS_PER_S / workload->setup.rate;
    return true;
}

static void start_idle(struct hf_workload *workload, uint64_t now_ns)
{
    while (!hf_list_empty(&workload->idle) && rate_allows(workload, now_ns)) {
        struct hf_link *link = workload->idle.next;
        struct hf_workload_lane *lane = HF_CONTAINER(link, struct hf_workload_lane, link);
        if (!choose(lane, now_ns))
            break;
        hf_list_remove(link);
        post(lane);
    }
}

void hf_workload_pump(struct hf_workload *workload, uint64_t now_ns)
{
    start_idle(workload, now_ns);
    push(workload);
}

/* ---- answers ---- */

static void write_ended(struct hf_workload_lane *lane, bool good)
{
    struct hf_workload *workload = lane->workload;
    struct hf_ledger *ledger = workload->setup.ledger;

    hf_ledger_end_write(ledger, lane->block, good);
    /* Nobody but us may write to the buffer of a write: somebody's earlier request did. */
    if (!hf_content_equals(lane->buffer->bytes, ledger->block_size_bytes, &lane->written))
        hf_tally_add(workload->setup.tally, HF_FINDING_TOUCHED, "buffer of a write of block %u",
                     lane->block);
    lane->again = workload->mode == HF_WORKLOAD_RUN;
}

static void read_ended(struct hf_workload_lane *lane, bool good)
{
    struct hf_workload *workload = lane->workload;
    struct hf_ledger *ledger = workload->setup.ledger;
    struct hf_content_id id = hf_ledger_id(ledger, lane->block);

    if (good) {
        struct hf_sight sight = hf_content_look(lane->buffer->bytes, ledger->block_size_bytes, &id);
        hf_ledger_end_read(ledger, &lane->read, &sight, workload->setup.tally);
    }
    if (lane->step == STEP_READ_LATER)
        lane->parked->parked_ns = 0;
}

static struct lane_block *own_block(struct hf_workload_lane *lane)
{
    unsigned i = 0;

    while (lane->own[i].block != lane->block)
        i++;
    return &lane->own[i];
}

/* True if the lane goes on with the same block at once. */
static bool follow_up(struct hf_workload_lane *lane, enum lane_step ended, uint64_t now_ns)
{
    if (lane->workload->mode != HF_WORKLOAD_RUN)
        return false;
    if (ended == STEP_WRITE && hf_random_below(&lane->random, READ_BACK_EACH) == 0) {
        lane->step = STEP_READ_BACK;
        return true;
    }
    if (ended != STEP_READ_BACK || hf_random_below(&lane->random, PARK_EACH) != 0)
        return false;
    if (parked_count(lane) < HF_WORKLOAD_BLOCKS_PER_LANE / 2) {
        own_block(lane)->parked_ns = now_ns + AGAIN_NS;
        lane->again = false;
    }
    return false;
}

static void tell_failure(struct hf_workload_lane *lane, const struct hf_initiator_result *result)
{
    hf_tally_add(lane->workload->setup.tally, HF_FINDING_STATUS,
                 "block %u, %s: response %u, status %02x, sense %x/%02x/%02x", lane->block,
                 lane->step == STEP_WRITE ? "write" : (lane->step == STEP_FLUSH ? "flush" : "read"),
                 result->response, result->status, result->sense.key, result->sense.asc,
                 result->sense.ascq);
}

static void judge(struct hf_workload_lane *lane, const struct hf_initiator_result *result)
{
    bool good = hf_initiator_good(result);

    if (!good)
        tell_failure(lane, result);
    if (lane->step == STEP_FLUSH)
        return;
    if (lane->step == STEP_WRITE)
        write_ended(lane, good);
    else
        read_ended(lane, good);
    hf_pool_give(lane->workload->setup.pool, lane->buffer);
    lane->buffer = NULL;
}

static void done(struct hf_initiator_request *request, const struct hf_initiator_result *result)
{
    struct hf_workload_lane *lane = (struct hf_workload_lane *)request;
    struct hf_workload *workload = lane->workload;
    uint64_t now = hf_clock_ns();

    workload->out--;
    workload->setup.tally->requests++;
    if (workload->marked && workload->first_ns == 0)
        workload->first_ns = now;
    judge(lane, result);
    lane->out = false;
    if (follow_up(lane, lane->step, now) && rate_allows(workload, now)) {
        post(lane);
    } else {
        make_idle(lane);
        start_idle(workload, now);
    }
    /* Shown at once, as guests do: in batches the back-end would be idle at half of the kills. */
    push(workload);
}

/* ---- life ---- */

static void init_lane(struct hf_workload *workload, unsigned index)
{
    struct hf_workload_lane *lane = &workload->lanes[index];

    *lane = (struct hf_workload_lane){
        .workload = workload,
        .random = { .state = hf_random_mix(workload->setup.seed + index) },
        .queue = (uint16_t)(index % workload->setup.queue_count),
        .request = { .target = workload->setup.target, .lun = workload->setup.lun, .done = done },
    };
    for (unsigned i = 0; i < HF_WORKLOAD_BLOCKS_PER_LANE; i++)
        lane->own[i].block = index * HF_WORKLOAD_BLOCKS_PER_LANE + i;
    make_idle(lane);
}

int hf_workload_init(struct hf_workload *workload, const struct hf_workload_setup *setup)
{
    *workload = (struct hf_workload){ .setup = *setup };
    hf_list_init(&workload->idle);
    hf_list_init(&workload->fresh);
    workload->lane_count = (unsigned)setup->queue_count * setup->depth;
    workload->lanes = calloc(workload->lane_count, sizeof(*workload->lanes));
    if (workload->lanes == NULL)
        return -ENOMEM;
    HF_CHECK(setup->ledger->count == workload->lane_count * HF_WORKLOAD_BLOCKS_PER_LANE);
    for (unsigned i = 0; i < workload->lane_count; i++)
        init_lane(workload, i);
    return 0;
}

void hf_workload_done(struct hf_workload *workload)
{
    free(workload->lanes);
    *workload = (struct hf_workload){ 0 };
}

void hf_workload_abandon(struct hf_workload *workload)
{
    for (unsigned i = 0; i < workload->lane_count; i++) {
        const struct hf_workload_lane *lane = &workload->lanes[i];
        if (lane->out && lane->step == STEP_WRITE)
            hf_ledger_abandon_write(workload->setup.ledger, lane->block);
    }
    workload->out = 0;
}

void hf_workload_set_mode(struct hf_workload *workload, enum hf_workload_mode mode)
{
    workload->mode = mode;
    workload->next_block = 0;
    if (workload->lanes != NULL)
        hf_workload_pump(workload, hf_clock_ns());
}

bool hf_workload_ended(const struct hf_workload *workload)
{
    return workload->mode != HF_WORKLOAD_RUN && workload->out == 0;
}

unsigned hf_workload_count_before(const struct hf_workload *workload, uint64_t shown_ns)
{
    unsigned count = 0;

    for (unsigned i = 0; i < workload->lane_count; i++)
        count += workload->lanes[i].out && workload->lanes[i].shown_ns < shown_ns;
    return count;
}

void hf_workload_mark(struct hf_workload *workload)
{
    workload->marked = true;
    workload->first_ns = 0;
}

unsigned hf_workload_count_overdue(struct hf_workload *workload, uint64_t now_ns, uint64_t since_ns,
                                   uint64_t limit_ns)
{
    unsigned count = 0;

    for (unsigned i = 0; i < workload->lane_count; i++) {
        struct hf_workload_lane *lane = &workload->lanes[i];
        uint64_t start = hf_max_u64(lane->shown_ns, since_ns);
        if (!lane->out || lane->overdue || now_ns < start || now_ns - start < limit_ns)
            continue;
        lane->overdue = true;
        count++;
        hf_tally_add(workload->setup.tally, HF_FINDING_OVERDUE, "block %u on queue %u", lane->block,
                     lane->queue);
    }
    return count;
}
