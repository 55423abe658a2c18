/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spans.h"

#include "base/check.h"
#include "cmocka_all.h"

static const char letters[16] = "abcdefghij";

/* The letters in pieces of 1, 0, 3, 2, 4 bytes. */
struct pieces {
    char bytes[16];
    struct iovec at[5];
};

static struct hf_spans pieces_of(struct pieces *pieces)
{
    static const size_t sizes[] = { 1, 0, 3, 2, 4 };
    char *next = pieces->bytes;

    memcpy(pieces->bytes, letters, sizeof(letters));
    for (size_t i = 0; i < HF_ARRAY_COUNT(sizes); i++) {
        pieces->at[i] = (struct iovec){ .iov_base = next, .iov_len = sizes[i] };
        next += sizes[i];
    }
    pieces->at[1].iov_base = NULL;
    return hf_spans_of(pieces->at, HF_ARRAY_COUNT(sizes));
}

static void sizes_add_up(void **state)
{
    struct pieces pieces;
    struct iovec huge[] = { { NULL, SIZE_MAX }, { NULL, 1 } };

    (void)state;
    assert_int_equal(hf_spans_size(pieces_of(&pieces)), 10);
    assert_int_equal(hf_spans_size(hf_spans_of(NULL, 0)), 0);
    assert_true(hf_spans_size(hf_spans_of(huge, 2)) == SIZE_MAX);
}

static void every_range_is_gathered(void **state)
{
    struct pieces pieces;
    struct hf_spans spans = pieces_of(&pieces);

    (void)state;
    for (size_t offset = 0; offset <= 12; offset++)
        for (size_t size = 0; size <= 12; size++) {
            char into[16] = "################";
            size_t left = offset < 10 ? 10 - offset : 0;
            size_t wanted = size < left ? size : left;
            assert_int_equal(hf_spans_gather(spans, offset, into, size), wanted);
            assert_memory_equal(into, &letters[10 - left], wanted);
            assert_int_equal(into[wanted], '#');
        }
}

static void every_range_is_scattered_and_nothing_else(void **state)
{
    struct pieces pieces;

    (void)state;
    for (size_t offset = 0; offset <= 12; offset++)
        for (size_t size = 0; size <= 12; size++) {
            struct hf_spans spans = pieces_of(&pieces);
            char expected[16];
            size_t left = offset < 10 ? 10 - offset : 0;
            size_t wanted = size < left ? size : left;
            memcpy(expected, letters, sizeof(expected));
            memcpy(expected + (10 - left), "0123456789AB", wanted);
            assert_int_equal(hf_spans_scatter(spans, offset, "0123456789AB", size), wanted);
            assert_memory_equal(pieces.bytes, expected, sizeof(expected));
        }
}

static void a_range_is_cleared(void **state)
{
    struct pieces pieces;
    struct hf_spans spans = pieces_of(&pieces);

    (void)state;
    assert_int_equal(hf_spans_clear(spans, 3, 4), 4);
    assert_memory_equal(pieces.bytes, "abc\0\0\0\0hij", 10);
    assert_int_equal(hf_spans_clear(spans, 9, 4), 1);
}

static void slices_hold_the_same_bytes_without_empty_pieces(void **state)
{
    struct pieces pieces;
    struct hf_spans spans = pieces_of(&pieces);

    (void)state;
    for (size_t offset = 0; offset <= 10; offset++)
        for (size_t size = 0; offset + size <= 10; size++) {
            struct iovec slice[5];
            char into[16];
            size_t count = hf_spans_slice(spans, offset, size, slice, 5);
            for (size_t i = 0; i < count; i++)
                assert_true(slice[i].iov_len > 0);
            assert_int_equal(hf_spans_size(hf_spans_of(slice, count)), size);
            assert_int_equal(hf_spans_gather(hf_spans_of(slice, count), 0, into, 16), size);
            assert_memory_equal(into, &letters[offset], size);
        }
}

static void a_slice_stops_at_its_capacity(void **state)
{
    struct pieces pieces;
    struct hf_spans spans = pieces_of(&pieces);
    struct iovec slice[3] = { { NULL, 77 }, { NULL, 77 }, { NULL, 77 } };

    (void)state;
    assert_int_equal(hf_spans_slice(spans, 0, 10, slice, 2), 2);
    assert_int_equal(slice[1].iov_len, 3);
    assert_int_equal(slice[2].iov_len, 77);
    assert_int_equal(hf_spans_slice(spans, 0, 10, slice, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_add_up),
        cmocka_unit_test(every_range_is_gathered),
        cmocka_unit_test(every_range_is_scattered_and_nothing_else),
        cmocka_unit_test(a_range_is_cleared),
        cmocka_unit_test(slices_hold_the_same_bytes_without_empty_pieces),
        cmocka_unit_test(a_slice_stops_at_its_capacity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
