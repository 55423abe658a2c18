/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In which order an answer is written, marked and published: looked at after every single store, by
 * way of shadow/ring/order.h. The front-end of this test takes the index's mark away as soon as it
 * sees the index.
 */
#include "rig.h"

#include "ring/dirty.h"

#define PAGE    HF_DIRTY_PAGE_BYTES
#define WRITTEN 77u /* length in both elements of the batch */

/* Flags, index and the first element end page 0; the second element is in page 1. */
#define RING_ADDRESS (PAGE - 12)
#define FIRST_PAGE   1u
#define SECOND_PAGE  2u

static struct rig *watched;
static uint8_t marks;
static bool is_published;
static unsigned stores;
static unsigned early; /* marks before their element */
static unsigned late;  /* elements published without a mark */

static void look(void)
{
    const struct hf_used *used = watched->ring.used;

    early += (marks & FIRST_PAGE) != 0 && used->ring[0].length != WRITTEN;
    early += (marks & SECOND_PAGE) != 0 && used->ring[1].length != WRITTEN;
    if (is_published || used->index == 0)
        return;
    is_published = true;
    late += marks != (FIRST_PAGE | SECOND_PAGE);
    marks = 0;
}

void crash_point(void)
{
    if (!watched)
        return;
    stores++;
    look();
}

static void marks_come_behind_the_elements_and_before_the_index_and_again_behind_it(void **state)
{
    struct rig *rig = rig_new((struct rig_setup){ .size = 8 });
    const struct hf_dirty_log log = { &marks, sizeof(marks) };
    struct hf_used_element elements[2];

    (void)state;
    rig_start_tracked(rig);
    hf_ring_device_set_log(&rig->device, &log, RING_ADDRESS);
    for (unsigned i = 0; i < 2; i++) {
        uint16_t head;

        rig_post(rig, 1, 1);
        assert_true(hf_ring_device_fetch(&rig->device, &head));
        elements[i] = (struct hf_used_element){ .id = head, .length = WRITTEN };
    }
    marks = 0;
    watched = rig;
    hf_ring_device_complete(&rig->device, elements, 2);
    watched = NULL;
    assert_true(stores > 4 && is_published);
    assert_int_equal(early, 0);
    assert_int_equal(late, 0);
    assert_int_equal(marks, FIRST_PAGE);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_come_behind_the_elements_and_before_the_index_and_again_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
