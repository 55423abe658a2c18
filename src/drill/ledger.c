/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A block may hold the newest generation answered GOOD, or the one that was outstanding at any time
 * of the read. What else it holds:
 *
 *     older than answered, and not older than anything seen     lost
 *     older than something that was seen, below answered        reverted (corrupted)
 *     older than something that was seen, not below answered    repeated (duplicated)
 *     one of a dead writer, which a look had not found there    late (corrupted)
 */
#include "drill/ledger.h"

struct hf_content_id hf_ledger_id(const struct hf_ledger *ledger, uint32_t block)
{
    return (struct hf_content_id){ .seed = ledger->seed,
                                   .address = ledger->first_bytes + block * ledger->stride_bytes,
                                   .generation = ledger->blocks[block].posted };
}

uint64_t hf_ledger_post_write(struct hf_ledger *ledger, uint32_t block)
{
    return ++ledger->blocks[block].posted;
}

void hf_ledger_end_write(struct hf_ledger *ledger, uint32_t block, bool good)
{
    if (good)
        ledger->blocks[block].answered = ledger->blocks[block].posted;
}

void hf_ledger_abandon_write(struct hf_ledger *ledger, uint32_t block)
{
    ledger->blocks[block].left = ledger->blocks[block].posted;
}

struct hf_ledger_read hf_ledger_post_read(const struct hf_ledger *ledger, uint32_t block)
{
    const struct hf_ledger_block *entry = &ledger->blocks[block];

    return (struct hf_ledger_read){ .block = block,
                                    .posted = entry->posted,
                                    .answered = entry->answered,
                                    .seen = entry->seen,
                                    .missed = entry->missed };
}

/* True if no write of the block was outstanding at any time of the read. */
static bool undisturbed(const struct hf_ledger_block *now, const struct hf_ledger_read *read)
{
    return now->posted == read->answered;
}

/* A read beside a write may see any bytes of both, even within a sector (page caches copy while
 * others copy): then checksums say nothing, only what is intact does. */
static enum hf_finding judge_bytes(const struct hf_ledger_block *now,
                                   const struct hf_ledger_read *read, const struct hf_sight *sight)
{
    if (sight->unfilled)
        return HF_FINDING_UNFILLED;
    if (sight->blank)
        return read->answered == 0 ? HF_FINDING_NONE : HF_FINDING_MISSING;
    if (!sight->in_place)
        return HF_FINDING_STRAY;
    return sight->intact || !undisturbed(now, read) ? HF_FINDING_NONE : HF_FINDING_DAMAGED;
}

static enum hf_finding judge_generations(const struct hf_ledger_block *now,
                                         const struct hf_ledger_read *read,
                                         const struct hf_sight *sight)
{
    if (sight->newest > now->posted)
        return HF_FINDING_FUTURE;
    if (read->missed != 0 && sight->newest == read->missed)
        return HF_FINDING_LATE;
    if (sight->oldest < read->answered && sight->oldest != sight->newest && undisturbed(now, read))
        return HF_FINDING_TORN;
    if (sight->oldest < read->answered)
        return sight->oldest < read->seen ? HF_FINDING_REVERTED : HF_FINDING_LOST;
    return sight->oldest < read->seen ? HF_FINDING_REPEATED : HF_FINDING_NONE;
}

static void count(struct hf_tally *tally, enum hf_finding finding,
                  const struct hf_ledger_read *read, const struct hf_sight *sight)
{
    if (finding == HF_FINDING_STRAY)
        hf_tally_add(tally, finding, "block %u holds what belongs to address %llu", read->block,
                     (unsigned long long)sight->stray_address);
    else
        hf_tally_add(tally, finding, "block %u holds %llu..%llu, answered %llu, seen %llu",
                     read->block, (unsigned long long)sight->oldest,
                     (unsigned long long)sight->newest, (unsigned long long)read->answered,
                     (unsigned long long)read->seen);
}

/* What a dead writer left behind is on the disk from now on, or never will be. */
static void settle_left(struct hf_ledger_block *block, const struct hf_ledger_read *read,
                        const struct hf_sight *sight)
{
    if (block->left == 0 || read->posted != block->left || !sight->intact)
        return;
    if (sight->oldest == block->left)
        block->left = 0;
    else if (sight->newest < block->left)
        block->missed = block->left;
}

enum hf_finding hf_ledger_end_read(struct hf_ledger *ledger, const struct hf_ledger_read *read,
                                   const struct hf_sight *sight, struct hf_tally *tally)
{
    struct hf_ledger_block *block = &ledger->blocks[read->block];
    enum hf_finding finding = judge_bytes(block, read, sight);
    bool dated = !sight->blank && sight->newest != 0;

    if (finding == HF_FINDING_NONE && dated)
        finding = judge_generations(block, read, sight);
    if (finding == HF_FINDING_NONE) {
        if (dated && sight->intact && sight->oldest > block->seen)
            block->seen = sight->oldest;
        settle_left(block, read, sight);
        return finding;
    }
    /* The buffer's own fault says nothing of the block; the block's is told once a generation. */
    if (finding == HF_FINDING_UNFILLED || block->told != block->posted)
        count(tally, finding, read, sight);
    if (finding != HF_FINDING_UNFILLED)
        block->told = block->posted;
    return finding;
}
