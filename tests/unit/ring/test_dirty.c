/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages into bits, spans into pages, and the used ring's own writes. */
#include "rig.h"

#include "ring/dirty.h"

#define PAGE      HF_DIRTY_PAGE_BYTES
#define LOG_BYTES 8u
#define PAGES     (LOG_BYTES * 8)

/* The data of the rig is at page 256 and behind. */
#define DATA_BYTE (RIG_DATA_GUEST / PAGE / 8)

static uint8_t bytes[DATA_BYTE + LOG_BYTES];
static const struct hf_dirty_log pages = { bytes, LOG_BYTES };
static const struct hf_dirty_log data_pages = { bytes, sizeof(bytes) };

static void clear(void)
{
    memset(bytes, 0, sizeof(bytes));
}

/* Exactly the pages from `first` to before `end`, of those from byte `at` on. */
static void assert_marked_at(size_t at, uint64_t first, uint64_t end)
{
    for (uint64_t page = 0; page < PAGES; page++) {
        bool is_marked = (bytes[at + page / 8] >> page % 8 & 1) != 0;
        if (is_marked != (page >= first && page < end))
            fail_msg("page %llu of [%llu, %llu)", (unsigned long long)page,
                     (unsigned long long)first, (unsigned long long)end);
    }
    clear();
}

static void assert_marked(uint64_t first, uint64_t end)
{
    assert_marked_at(0, first, end);
}

static void a_range_marks_every_page_it_touches_and_no_other(void **state)
{
    static const struct {
        uint64_t address;
        uint64_t length;
        uint64_t first;
        uint64_t end;
    } cases[] = {
        { 0, 1, 0, 1 },
        { 0, PAGE, 0, 1 },
        { 0, PAGE + 1, 0, 2 },
        { PAGE - 1, 1, 0, 1 },
        { PAGE - 1, 2, 0, 2 },
        { 7 * PAGE, PAGE, 7, 8 },
        { 7 * PAGE, PAGE + 1, 7, 9 },
        { 8 * PAGE, 8 * PAGE, 8, 16 },
        { 3 * PAGE + 5, 40 * PAGE, 3, 44 },
        { 5 * PAGE, 0, 0, 0 },
        { 63 * PAGE, PAGE, 63, 64 },
        { 0, 64 * PAGE, 0, 64 },
    };

    (void)state;
    clear();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hf_dirty_mark(&pages, cases[i].address, cases[i].length);
        assert_marked(cases[i].first, cases[i].end);
    }
}

static void page_n_is_bit_n_modulo_8_of_byte_n_over_8(void **state)
{
    (void)state;
    clear();
    hf_dirty_mark(&pages, 9 * PAGE, 1);
    assert_int_equal(bytes[1], 1 << 1);
    hf_dirty_mark(&pages, 8 * PAGE, 1);
    assert_int_equal(bytes[1], 3);
}

static void a_log_has_a_byte_for_eight_pages_begun(void **state)
{
    (void)state;
    assert_int_equal(hf_dirty_bytes(0), 0);
    assert_int_equal(hf_dirty_bytes(1), 1);
    assert_int_equal(hf_dirty_bytes(8 * PAGE), 1);
    assert_int_equal(hf_dirty_bytes(8 * PAGE + 1), 2);
    assert_int_equal(hf_dirty_bytes(0x110000), 34);
    assert_int_equal(hf_dirty_bytes(UINT64_MAX), UINT64_C(1) << 49);
}

static void what_is_covered_has_a_bit_for_its_last_byte(void **state)
{
    (void)state;
    assert_true(hf_dirty_covers(1, 0, 8 * PAGE));
    assert_false(hf_dirty_covers(1, 0, 8 * PAGE + 1));
    assert_false(hf_dirty_covers(1, 8 * PAGE, 1));
    assert_true(hf_dirty_covers(1, 8 * PAGE - 1, 1));
    assert_true(hf_dirty_covers(0, 0, 0));
    assert_false(hf_dirty_covers(0, 0, 1));
    assert_false(hf_dirty_covers(UINT64_MAX, UINT64_MAX, 2));
    assert_false(hf_dirty_covers(UINT64_MAX, 1, UINT64_MAX));
    assert_true(hf_dirty_covers(UINT64_MAX, 0, UINT64_MAX));
    assert_true(hf_dirty_covers(UINT64_C(1) << 49, UINT64_MAX - 1, 1));
}

/* ---- spans ---- */

static struct rig *start(bool event_index)
{
    struct rig *rig = rig_new((struct rig_setup){ .size = 8, .event_index = event_index });

    rig_start_tracked(rig);
    clear();
    return rig;
}

static void spans_mark_the_guests_pages_they_lie_in(void **state)
{
    struct rig *rig = start(false);
    const struct iovec pieces[] = {
        { rig_at(rig, RIG_DATA_GUEST + 100), 16 },
        { rig_at(rig, RIG_BORDER - 50), 50 }, /* the next region is elsewhere in this process */
        { rig_at(rig, RIG_BORDER), PAGE },
    };
    static const struct {
        size_t skipped;
        uint64_t size_bytes;
        uint64_t first;
        uint64_t end;
    } cases[] = {
        { 0, 0, 0, 0 },  { 0, 1, 0, 1 },  { 0, 16, 0, 1 },
        { 1, 50, 3, 4 }, { 1, 51, 3, 5 }, { 1, UINT64_MAX, 3, 5 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t skipped = cases[i].skipped;
        hf_dirty_mark_spans(&data_pages, &rig->memory, hf_spans_of(pieces + skipped, 3 - skipped),
                            cases[i].size_bytes);
        assert_marked_at(DATA_BYTE, cases[i].first, cases[i].end);
    }
    rig_free(rig);
}

/* ---- the used ring ---- */

/* Flags, index and the first element end page 4; all others are in page 5. */
#define RING_ADDRESS (5 * PAGE - 12)

static void set_log(struct rig *rig)
{
    hf_ring_device_set_log(&rig->device, &pages, RING_ADDRESS);
    clear();
}

static void complete(struct rig *rig, uint16_t count)
{
    struct hf_used_element elements[8];

    for (uint16_t i = 0; i < count; i++) {
        uint16_t head;

        rig_post(rig, 1, 1);
        assert_true(hf_ring_device_fetch(&rig->device, &head));
        elements[i] = (struct hf_used_element){ .id = head };
    }
    clear();
    hf_ring_device_complete(&rig->device, elements, count);
    struct hf_ring_driver_completion completion;
    while (hf_ring_driver_take(&rig->driver, &completion))
        continue;
}

static void a_log_begins_with_the_whole_used_ring(void **state)
{
    struct rig *rig = start(true);

    (void)state;
    hf_ring_device_set_log(&rig->device, &pages, RING_ADDRESS);
    assert_marked(4, 6);
    rig_free(rig);
}

static void an_answer_marks_its_element_and_the_index_where_the_log_has_the_ring(void **state)
{
    struct rig *rig = start(false);

    (void)state;
    set_log(rig);
    complete(rig, 1); /* all in the first page */
    assert_marked(4, 5);
    complete(rig, 1); /* an element in the second one, the index in the first */
    assert_marked(4, 6);
    rig_free(rig);
}

static void a_batch_over_the_rings_end_marks_both_ends(void **state)
{
    struct rig *rig = start(false);

    (void)state;
    set_log(rig);
    complete(rig, 3);
    complete(rig, 3);
    assert_marked(4, 6);
    complete(rig, 3);
    assert_marked(4, 6);
    rig_free(rig);
}

static void asking_for_kicks_is_a_write_too(void **state)
{
    struct rig *rig = start(true);

    (void)state;
    set_log(rig);
    hf_ring_device_enable_kick(&rig->device); /* avail_event: behind the last element */
    assert_marked(5, 6);
    hf_ring_device_disable_kick(&rig->device);
    assert_marked(5, 6);
    rig_free(rig);
    rig = start(false);
    set_log(rig);
    hf_ring_device_disable_kick(&rig->device); /* flags */
    assert_marked(4, 5);
    hf_ring_device_enable_kick(&rig->device);
    assert_marked(4, 5);
    rig_free(rig);
}

static void without_bits_nothing_is_marked(void **state)
{
    struct rig *rig = start(true);
    const struct hf_dirty_log none = { .bits = NULL };

    (void)state;
    set_log(rig);
    hf_ring_device_set_log(&rig->device, &none, 0);
    complete(rig, 3);
    hf_ring_device_enable_kick(&rig->device);
    assert_marked(0, 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_marks_every_page_it_touches_and_no_other),
        cmocka_unit_test(page_n_is_bit_n_modulo_8_of_byte_n_over_8),
        cmocka_unit_test(a_log_has_a_byte_for_eight_pages_begun),
        cmocka_unit_test(what_is_covered_has_a_bit_for_its_last_byte),
        cmocka_unit_test(spans_mark_the_guests_pages_they_lie_in),
        cmocka_unit_test(a_log_begins_with_the_whole_used_ring),
        cmocka_unit_test(an_answer_marks_its_element_and_the_index_where_the_log_has_the_ring),
        cmocka_unit_test(a_batch_over_the_rings_end_marks_both_ends),
        cmocka_unit_test(asking_for_kicks_is_a_write_too),
        cmocka_unit_test(without_bits_nothing_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
