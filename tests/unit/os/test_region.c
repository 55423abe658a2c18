/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include "os/event.h"
#include "os/fd.h"
#include "os/region.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SIZE 20000u

static void a_region_is_zero_sealed_and_shared(void **state)
{
    HF_AUTO_FD int fd = hf_region_create("test", SIZE);
    struct hf_mapping one;
    struct hf_mapping two;

    (void)state;
    assert_int_equal(hf_region_size(fd), SIZE);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(ftruncate(fd, SIZE * 2), -1);
    assert_int_equal(hf_mapping_init(&one, fd, 0, SIZE, NULL), 0);
    assert_int_equal(hf_mapping_init(&two, fd, 0, SIZE, NULL), 0);
    assert_int_equal(one.start[SIZE - 1], 0);
    one.start[SIZE - 1] = 7;
    assert_int_equal(two.start[SIZE - 1], 7);
    hf_mapping_done(&one);
    hf_mapping_done(&two);
    hf_mapping_done(&two);
}

static void an_offset_need_not_be_aligned(void **state)
{
    HF_AUTO_FD int fd = hf_region_create("test", SIZE);
    struct hf_mapping mapping;
    uint8_t byte = 0;

    (void)state;
    assert_int_equal(hf_mapping_init(&mapping, fd, 5001, 12000, NULL), 0);
    assert_int_equal(mapping.size_bytes, 12000);
    mapping.start[0] = 1;
    mapping.start[11999] = 2;
    assert_int_equal(pread(fd, &byte, 1, 5001), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(pread(fd, &byte, 1, 17000), 1);
    assert_int_equal(byte, 2);
    hf_mapping_done(&mapping);
}

static void mappings_of_one_file_are_known_by_any_descriptor(void **state)
{
    HF_AUTO_FD int fd = hf_region_create("test", SIZE);
    HF_AUTO_FD int copy = hf_fd_dup(fd);
    HF_AUTO_FD int other = hf_region_create("test", SIZE);
    struct hf_mapping maps[3];
    const struct hf_mapping none = { 0 };

    (void)state;
    assert_int_equal(hf_mapping_init(&maps[0], fd, 0, SIZE, NULL), 0);
    assert_int_equal(hf_mapping_init(&maps[1], copy, 8192, 100, NULL), 0);
    assert_int_equal(hf_mapping_init(&maps[2], other, 0, SIZE, NULL), 0);
    assert_true(hf_mapping_same_file(&maps[0], &maps[1]));
    assert_false(hf_mapping_same_file(&maps[0], &maps[2]));
    assert_false(hf_mapping_same_file(&maps[0], &none));
    assert_false(hf_mapping_same_file(&none, &none));
    for (unsigned i = 0; i < 3; i++)
        hf_mapping_done(&maps[i]);
    assert_false(hf_mapping_same_file(&maps[0], &maps[1]));
}

static void a_mapping_outlives_its_fd(void **state)
{
    int fd = hf_region_create("test", SIZE);
    struct hf_mapping mapping;

    (void)state;
    assert_int_equal(hf_mapping_init(&mapping, fd, 0, SIZE, NULL), 0);
    hf_fd_close(&fd);
    memset(mapping.start, 1, SIZE);
    hf_mapping_done(&mapping);
    assert_null(mapping.base);
}

static const struct {
    const char *name;
    uint64_t offset;
    uint64_t size_bytes;
    const char *sentence;
} bad_ranges[] = {
    { "empty", 0, 0, "is empty" },
    { "one byte too long", 0, SIZE + 1, "too short" },
    { "ends beyond", 12000, 8001, "20000" },
    { "begins beyond", SIZE + 1, 1, "too short" },
    { "overflows", UINT64_MAX - 1, 4, "too short" },
    { "huge", 4096, UINT64_MAX - 4095, "too short" },
};

static void a_range_beyond_the_file_is_refused(void **state)
{
    HF_AUTO_FD int fd = hf_region_create("test", SIZE);

    (void)state;
    for (size_t i = 0; i < sizeof(bad_ranges) / sizeof(bad_ranges[0]); i++) {
        struct hf_mapping mapping;
        struct hf_error error = { 0 };
        print_message("%s\n", bad_ranges[i].name);
        assert_int_equal(
            hf_mapping_init(&mapping, fd, bad_ranges[i].offset, bad_ranges[i].size_bytes, &error),
            -EINVAL);
        assert_non_null(strstr(error.text, bad_ranges[i].sentence));
        assert_null(mapping.base);
    }
}

static void what_has_no_length_is_refused(void **state)
{
    HF_AUTO_FD int event = hf_event_create();
    HF_AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct hf_mapping mapping;
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(hf_region_size(event), -EINVAL);
    assert_int_equal(hf_mapping_init(&mapping, event, 0, 1, &error), -EINVAL);
    assert_non_null(strstr(error.text, "not a file that has a length"));
    assert_int_equal(hf_mapping_init(&mapping, null, 0, 1, &error), -EINVAL);
    assert_int_equal(hf_mapping_init(&mapping, -1, 0, 1, &error), -EBADF);
}

static void memory_that_cannot_be_written_is_refused(void **state)
{
    struct hf_mapping mapping;
    struct hf_error error = { 0 };
    HF_AUTO_FD int file = open(in_place("file"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    HF_AUTO_FD int read_only = open(in_place("file"), O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(ftruncate(file, SIZE), 0);
    assert_int_equal(hf_mapping_init(&mapping, read_only, 0, SIZE, &error), -EACCES);
    assert_non_null(strstr(error.text, "cannot map"));
}

static void an_impossible_size_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(hf_region_create("test", UINT64_MAX), -EFBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIDY(a_region_is_zero_sealed_and_shared),
        TIDY(an_offset_need_not_be_aligned),
        TIDY(mappings_of_one_file_are_known_by_any_descriptor),
        TIDY(a_mapping_outlives_its_fd),
        TIDY(a_range_beyond_the_file_is_refused),
        TIDY(what_has_no_length_is_refused),
        TIDY(memory_that_cannot_be_written_is_refused),
        TIDY(an_impossible_size_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
