/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory: guard, buffer, guard, buffer, ..., guard. */
#include "drill/pool.h"

#include "base/checked.h"
#include "drill/content.h"

#include <errno.h>
#include <stdlib.h>

static size_t stride_of(size_t block_size)
{
    return hf_align_up(block_size, HF_POOL_GUARD_SIZE) + HF_POOL_GUARD_SIZE;
}

size_t hf_pool_bytes(size_t block_size, unsigned count)
{
    return count * stride_of(block_size) + HF_POOL_GUARD_SIZE;
}

int hf_pool_init(struct hf_pool *pool, void *memory, size_t size_bytes, size_t block_size,
                 struct hf_tally *tally)
{
    size_t stride = stride_of(block_size);

    *pool = (struct hf_pool){
        .tally = tally,
        .memory = memory,
        .block_size = block_size,
        .stride = stride,
        .count = (unsigned)((size_bytes - HF_POOL_GUARD_SIZE) / stride),
    };
    hf_list_init(&pool->free);
    hf_list_init(&pool->quarantine);
    pool->buffers = calloc(pool->count, sizeof(*pool->buffers));
    if (pool->buffers == NULL)
        return -ENOMEM;
    hf_content_guard(memory, hf_pool_bytes(block_size, pool->count));
    for (unsigned i = 0; i < pool->count; i++) {
        pool->buffers[i].bytes = pool->memory + i * stride + HF_POOL_GUARD_SIZE;
        hf_content_guard(pool->buffers[i].bytes, block_size);
        hf_list_append(&pool->free, &pool->buffers[i].link);
    }
    /* Every guard carries the same pattern, counted from its own start. */
    for (unsigned i = 0; i <= pool->count; i++)
        hf_content_guard(pool->memory + i * stride, HF_POOL_GUARD_SIZE);
    return 0;
}

void hf_pool_done(struct hf_pool *pool)
{
    free(pool->buffers);
    pool->buffers = NULL;
    pool->count = 0;
}

static void check_guard(struct hf_pool *pool, size_t index)
{
    uint8_t *guard = pool->memory + index * pool->stride;

    if (hf_content_guarded(guard, HF_POOL_GUARD_SIZE))
        return;
    hf_tally_add(pool->tally, HF_FINDING_OVERRUN, "guard %zu", index);
    hf_content_guard(guard, HF_POOL_GUARD_SIZE);
}

static void check_buffer(struct hf_pool *pool, struct hf_pool_buffer *buffer)
{
    size_t index = (size_t)(buffer - pool->buffers);

    if (!hf_content_guarded(buffer->bytes, pool->block_size)) {
        hf_tally_add(pool->tally, HF_FINDING_TOUCHED, "buffer %zu in quarantine", index);
        hf_content_guard(buffer->bytes, pool->block_size);
    }
    check_guard(pool, index);
    check_guard(pool, index + 1);
}

struct hf_pool_buffer *hf_pool_take(struct hf_pool *pool)
{
    struct hf_link *link = hf_list_pop(&pool->free);

    if (link != NULL)
        return HF_CONTAINER(link, struct hf_pool_buffer, link);
    link = hf_list_pop(&pool->quarantine);
    if (link == NULL)
        return NULL;
    struct hf_pool_buffer *buffer = HF_CONTAINER(link, struct hf_pool_buffer, link);
    check_buffer(pool, buffer);
    return buffer;
}

void hf_pool_give(struct hf_pool *pool, struct hf_pool_buffer *buffer)
{
    if (pool->given++ % 2 == 0) {
        /* To the front: taken next. */
        hf_list_append(pool->free.next, &buffer->link);
        return;
    }
    hf_content_guard(buffer->bytes, pool->block_size);
    hf_list_append(&pool->quarantine, &buffer->link);
}

void hf_pool_check(struct hf_pool *pool)
{
    HF_LIST_FOR_EACH (link, &pool->quarantine)
        check_buffer(pool, HF_CONTAINER(link, struct hf_pool_buffer, link));
    for (size_t i = 0; i <= pool->count; i++)
        check_guard(pool, i);
}
