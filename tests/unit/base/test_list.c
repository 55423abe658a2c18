/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/list.h"

#include "cmocka_all.h"

struct item {
    int number;
    struct hf_link link;
};

static struct hf_link list;
static struct item items[4];

static int set_up(void **state)
{
    (void)state;
    hf_list_init(&list);
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        hf_list_init(&items[i].link);
    }
    return 0;
}

/* The numbers in order, read forwards and checked backwards. */
static void assert_holds(const char *digits)
{
    const struct hf_link *back = &list;
    size_t count = 0;

    HF_LIST_FOR_EACH (link, &list) {
        assert_int_equal(HF_CONTAINER(link, struct item, link)->number, digits[count] - '0');
        assert_ptr_equal(link->previous, back);
        back = link;
        count++;
    }
    assert_ptr_equal(list.previous, back);
    assert_int_equal(count, strlen(digits));
    assert_int_equal(hf_list_empty(&list), count == 0);
}

static void append(int first, int last)
{
    for (int i = first; i <= last; i++)
        hf_list_append(&list, &items[i].link);
}

static void a_new_list_is_empty(void **state)
{
    (void)state;
    assert_holds("");
    assert_null(hf_list_pop(&list));
}

static void appended_elements_keep_their_order(void **state)
{
    (void)state;
    append(0, 3);
    assert_holds("0123");
}

static void the_first_in_is_the_first_popped(void **state)
{
    (void)state;
    append(0, 2);
    assert_ptr_equal(hf_list_pop(&list), &items[0].link);
    assert_holds("12");
    assert_ptr_equal(hf_list_pop(&list), &items[1].link);
    assert_ptr_equal(hf_list_pop(&list), &items[2].link);
    assert_null(hf_list_pop(&list));
    assert_holds("");
}

static void any_element_can_be_removed(void **state)
{
    (void)state;
    append(0, 3);
    hf_list_remove(&items[1].link);
    assert_holds("023");
    hf_list_remove(&items[3].link);
    assert_holds("02");
    hf_list_remove(&items[0].link);
    assert_holds("2");
}

static void removing_twice_does_no_harm(void **state)
{
    (void)state;
    append(0, 2);
    hf_list_remove(&items[1].link);
    hf_list_remove(&items[1].link);
    assert_holds("02");
}

static void a_popped_element_can_be_appended_again(void **state)
{
    (void)state;
    append(0, 1);
    hf_list_append(&list, hf_list_pop(&list));
    assert_holds("10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_list_is_empty, set_up),
        cmocka_unit_test_setup(appended_elements_keep_their_order, set_up),
        cmocka_unit_test_setup(the_first_in_is_the_first_popped, set_up),
        cmocka_unit_test_setup(any_element_can_be_removed, set_up),
        cmocka_unit_test_setup(removing_twice_does_no_harm, set_up),
        cmocka_unit_test_setup(a_popped_element_can_be_appended_again, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
