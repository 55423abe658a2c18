/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/unmap.c: little at once, much by a thread, and always all of it. */
#include "../cmocka_all.h"

#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "target/unmap.h"
#include "target/worker.h"

#define LITTLE (64u << 10)
#define MUCH   (64u << 20)

static struct hf_crew *make_crew(void)
{
    const struct hf_crew_options options = { .threads = 1 };
    struct hf_error error = { 0 };
    struct hf_crew *crew = hf_crew_new(&options, &error);

    assert_non_null(crew);
    return crew;
}

/* Touched, with no other reference to its file. */
static struct hf_mapping map(size_t size_bytes)
{
    struct hf_mapping mapping;
    int fd = hf_region_create("unmap", size_bytes);

    assert_true(fd >= 0);
    assert_int_equal(hf_mapping_init(&mapping, fd, 0, size_bytes, NULL), 0);
    close(fd);
    memset(mapping.start, 1, size_bytes);
    return mapping;
}

static bool is_mapped(const void *base)
{
    unsigned char there;

    return mincore((void *)(uintptr_t)base, 4096, &there) == 0;
}

static void note(void *context)
{
    ++*(unsigned *)context;
}

static void little_is_unmapped_at_once(void **state)
{
    struct hf_crew *crew = make_crew();
    struct hf_mapping mapping = map(LITTLE);
    struct hf_unmap *lot = hf_unmap_new(2);
    struct hf_mapping none = { 0 };
    void *base = mapping.base;
    unsigned calls = 0;

    (void)state;
    hf_unmap_add(lot, &mapping);
    hf_unmap_add(lot, &none);
    assert_null(mapping.base);
    assert_false(hf_unmap_begin(lot, crew, note, &calls));
    assert_false(is_mapped(base));
    hf_crew_dispatch(crew);
    assert_int_equal(calls, 0);
    hf_crew_free(crew);
}

static void much_is_unmapped_when_it_is_said(void **state)
{
    struct hf_crew *crew = make_crew();
    struct hf_mapping mappings[2] = { map(MUCH), map(LITTLE) };
    void *bases[2] = { mappings[0].base, mappings[1].base };
    struct hf_unmap *lot = hf_unmap_new(2);
    struct pollfd answers = { .fd = hf_crew_fd(crew), .events = POLLIN };
    unsigned calls = 0;

    (void)state;
    hf_unmap_add(lot, &mappings[0]);
    hf_unmap_add(lot, &mappings[1]);
    assert_true(hf_unmap_begin(lot, crew, note, &calls));
    assert_int_equal(poll(&answers, 1, 10000), 1);
    assert_int_equal(calls, 0);
    hf_crew_dispatch(crew);
    assert_int_equal(calls, 1);
    assert_false(is_mapped(bases[0]));
    assert_false(is_mapped(bases[1]));
    hf_crew_free(crew);
}

static void who_cannot_wait_any_more_is_not_called(void **state)
{
    struct hf_crew *crew = make_crew();
    struct hf_mapping mapping = map(MUCH);
    struct hf_unmap *lot = hf_unmap_new(1);
    void *base = mapping.base;
    unsigned calls = 0;

    (void)state;
    hf_unmap_add(lot, &mapping);
    assert_true(hf_unmap_begin(lot, crew, note, &calls));
    hf_unmap_abandon(lot);
    assert_false(is_mapped(base));
    hf_crew_free(crew);
    assert_int_equal(calls, 0);
}

static void without_memory_for_a_list_all_is_unmapped_at_once(void **state)
{
    struct hf_crew *crew = make_crew();
    struct hf_mapping mapping = map(MUCH);
    void *base = mapping.base;
    unsigned calls = 0;

    (void)state;
    hf_unmap_add(NULL, &mapping);
    assert_false(is_mapped(base));
    assert_null(mapping.base);
    assert_false(hf_unmap_begin(NULL, crew, note, &calls));
    hf_crew_free(crew);
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(little_is_unmapped_at_once),
        cmocka_unit_test(much_is_unmapped_when_it_is_said),
        cmocka_unit_test(who_cannot_wait_any_more_is_not_called),
        cmocka_unit_test(without_memory_for_a_list_all_is_unmapped_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
