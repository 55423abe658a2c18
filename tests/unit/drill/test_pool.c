/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "drill/pool.h"

#include <stdlib.h>

#define SIZE  4096u
#define COUNT 8u

struct fixture {
    struct hf_pool pool;
    struct hf_tally tally;
    void *memory;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    size_t bytes = hf_pool_bytes(SIZE, COUNT);

    fixture->memory = aligned_alloc(4096, bytes);
    *state = fixture;
    return hf_pool_init(&fixture->pool, fixture->memory, bytes, SIZE, &fixture->tally);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    hf_pool_done(&fixture->pool);
    free(fixture->memory);
    free(fixture);
    return 0;
}

static void all_buffers_are_there_aligned_and_apart(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *previous = NULL;

    assert_int_equal(fixture->pool.count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct hf_pool_buffer *buffer = hf_pool_take(&fixture->pool);
        assert_non_null(buffer);
        assert_int_equal((uintptr_t)buffer->bytes % 4096, 0);
        assert_true(previous == NULL || buffer->bytes >= previous + SIZE + HF_POOL_GUARD_SIZE);
        memset(buffer->bytes, 0xff, SIZE);
        previous = buffer->bytes;
    }
    assert_null(hf_pool_take(&fixture->pool));
    hf_pool_check(&fixture->pool);
    assert_true(hf_tally_clean(&fixture->tally));
}

static void every_other_buffer_is_used_again_at_once(void **state)
{
    struct fixture *fixture = *state;
    unsigned at_once = 0;

    for (unsigned i = 0; i < 40; i++) {
        struct hf_pool_buffer *buffer = hf_pool_take(&fixture->pool);
        hf_pool_give(&fixture->pool, buffer);
        struct hf_pool_buffer *next = hf_pool_take(&fixture->pool);
        at_once += next == buffer;
        hf_pool_give(&fixture->pool, next);
        /* Two given back a turn: keep the two turns of the pool apart. */
        if (i % 2 == 0)
            hf_pool_give(&fixture->pool, hf_pool_take(&fixture->pool));
    }
    assert_in_range(at_once, 15, 25);
}

static struct hf_pool_buffer *quarantine_one(struct fixture *fixture)
{
    struct hf_pool_buffer *first = hf_pool_take(&fixture->pool);
    struct hf_pool_buffer *second = hf_pool_take(&fixture->pool);

    hf_pool_give(&fixture->pool, first);
    hf_pool_give(&fixture->pool, second);
    return second;
}

static void a_byte_written_in_quarantine_is_found_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct hf_pool_buffer *buffer = quarantine_one(fixture);

    hf_pool_check(&fixture->pool);
    assert_true(hf_tally_clean(&fixture->tally));
    buffer->bytes[1000] ^= 0x80;
    hf_pool_check(&fixture->pool);
    assert_int_equal(fixture->tally.findings[HF_FINDING_TOUCHED], 1);
    assert_int_equal(fixture->tally.classes[HF_CLASS_CORRUPTED], 1);
}

static void a_byte_written_in_quarantine_is_found_before_the_next_use(void **state)
{
    struct fixture *fixture = *state;
    struct hf_pool_buffer *buffer = quarantine_one(fixture);
    struct hf_pool_buffer *taken = NULL;

    buffer->bytes[0] ^= 1;
    for (unsigned i = 0; i < COUNT; i++)
        taken = hf_pool_take(&fixture->pool);
    assert_ptr_equal(taken, buffer);
    assert_int_equal(fixture->tally.findings[HF_FINDING_TOUCHED], 1);
}

static void a_byte_beside_a_buffer_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct hf_pool_buffer *buffer = hf_pool_take(&fixture->pool);

    buffer->bytes[SIZE] ^= 1;
    hf_pool_check(&fixture->pool);
    assert_int_equal(fixture->tally.findings[HF_FINDING_OVERRUN], 1);
    buffer->bytes[-1] ^= 1;
    hf_pool_check(&fixture->pool);
    assert_int_equal(fixture->tally.findings[HF_FINDING_OVERRUN], 2);
}

int main(void)
{
#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        POOL_TEST(all_buffers_are_there_aligned_and_apart),
        POOL_TEST(every_other_buffer_is_used_again_at_once),
        POOL_TEST(a_byte_written_in_quarantine_is_found_at_the_end),
        POOL_TEST(a_byte_written_in_quarantine_is_found_before_the_next_use),
        POOL_TEST(a_byte_beside_a_buffer_is_found),
    };

    return cmocka_run_group_tests_name("drill/pool", tests, NULL, NULL);
}
