/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/unit_spec.c: the words of a unit. */
#include "../cmocka_all.h"

#include <errno.h>

#include "base/check.h"
#include "target/unit_spec.h"

static struct hf_unit_spec parse(const char *words)
{
    struct hf_unit_spec spec;
    struct hf_error error = { 0 };

    if (hf_unit_spec_parse(words, &spec, &error) < 0)
        fail_msg("%s", error.text);
    return spec;
}

static void a_bare_name_is_a_writeback_file(void **state)
{
    struct hf_unit_spec spec = parse("disk.img");

    (void)state;
    assert_int_equal(spec.kind, HF_UNIT_KIND_PATH);
    assert_string_equal(spec.path, "disk.img");
    assert_int_equal(spec.cache, HF_CACHE_WRITEBACK);
    assert_false(spec.read_only);
    assert_false(spec.fault.present);
}

static void all_options_are_understood(void **state)
{
    struct hf_unit_spec spec = parse("/dev/loop0,ro,block-size=4096,serial=X-1,cache=none");

    (void)state;
    assert_string_equal(spec.path, "/dev/loop0");
    assert_true(spec.read_only);
    assert_int_equal(spec.block_size_bytes, 4096);
    assert_string_equal(spec.serial, "X-1");
    assert_int_equal(spec.cache, HF_CACHE_NONE);
}

static void two_commas_are_one_in_a_name(void **state)
{
    struct hf_unit_spec spec = parse("a,,b,,,,c.img,ro");

    (void)state;
    assert_string_equal(spec.path, "a,b,,c.img");
    assert_true(spec.read_only);
}

static void sizes_have_units(void **state)
{
    (void)state;
    assert_int_equal(parse("mem:1G").size_bytes, 1u << 30);
    assert_int_equal(parse("mem:1G").kind, HF_UNIT_KIND_MEM);
    assert_int_equal(parse("null:1T").size_bytes, UINT64_C(1) << 40);
    assert_int_equal(parse("null:512").size_bytes, 512);
}

static void fault_options_come_before_the_unit(void **state)
{
    struct hf_unit_spec spec =
        parse("fault:delay=1ms,reorder=64,crash-after=100,a=b/disk.img,cache=writethrough");

    (void)state;
    assert_true(spec.fault.present);
    assert_int_equal(spec.fault.delay_ns, 1000000);
    assert_int_equal(spec.fault.reorder, 64);
    assert_int_equal(spec.fault.crash_after, 100);
    assert_string_equal(spec.path, "a=b/disk.img");
    assert_int_equal(spec.cache, HF_CACHE_WRITETHROUGH);
}

static void the_largest_values_are_taken(void **state)
{
    struct hf_unit_spec spec =
        parse("fault:delay=3600s,reorder=65536,hang-after=1000000000000,null:8388607T");

    (void)state;
    assert_int_equal(spec.fault.delay_ns, UINT64_C(3600000000000));
    assert_int_equal(spec.fault.reorder, 65536);
    assert_int_equal(spec.fault.hang_after, UINT64_C(1000000000000));
    assert_int_equal(spec.size_bytes, UINT64_C(8388607) << 40);
}

static void what_is_wrong_is_named_with_the_remedy(void **state)
{
    static const struct {
        const char *words;
        const char *says;
    } wrongs[] = {
        { "", "no unit named" },
        { "disk.img,rw", "no option 'rw'" },
        { "disk.img,ro=1", "takes no value" },
        { "disk.img,serial", "needs a value" },
        { "disk.img,block-size=1000", "want 512 or 4096" },
        { "disk.img,cache=maybe", "want writeback, writethrough or none" },
        { "disk.img,serial=a b", "without spaces" },
        { "mem:1G,cache=none", "for files and block devices only" },
        { "mem:", "bad size" },
        { "mem:12Q", "bad size" },
        { "mem:99999999999T", "bad size" },
        { "fault:dealy=1ms,disk.img", "no fault option 'dealy=1ms'" },
        { "fault:delay=1", "a time such as" },
        { "fault:delay=3601s,disk.img", "at most 3600s" },
        { "fault:delay=18446744073s,disk.img", "at most 3600s" },
        { "fault:delay=18446744073709551615ns,disk.img", "at most 3600s" },
        { "fault:reorder=0,disk.img", "1 to 65536" },
        { "fault:reorder=65537,disk.img", "1 to 65536" },
        { "fault:crash-after=1000000000001,disk.img", "1 to 1000000000000" },
        { "fault:error-after=18446744073709551615,disk.img", "1 to 1000000000000" },
        { "fault:hang-after=99999999999999999999,disk.img", "1 to 1000000000000" },
        { "null:8388608T", "bad size" },
        { "fault:delay=1ms", "no unit named" },
        { "disk.img,delay=1ms", "fault: options come first" },
    };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(wrongs); i++) {
        struct hf_unit_spec spec;
        struct hf_error error = { 0 };

        assert_int_equal(hf_unit_spec_parse(wrongs[i].words, &spec, &error), -EINVAL);
        if (!strstr(error.text, wrongs[i].says) || strchr(error.text, '\n'))
            fail_msg("'%s' gave: %s", wrongs[i].words, error.text);
    }
}

static void a_word_without_end_is_refused(void **state)
{
    static char words[10000];
    struct hf_unit_spec spec;
    struct hf_error error = { 0 };

    (void)state;
    memset(words, 'a', sizeof(words) - 1);
    assert_int_equal(hf_unit_spec_parse(words, &spec, &error), -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_name_is_a_writeback_file),
        cmocka_unit_test(all_options_are_understood),
        cmocka_unit_test(two_commas_are_one_in_a_name),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(fault_options_come_before_the_unit),
        cmocka_unit_test(the_largest_values_are_taken),
        cmocka_unit_test(what_is_wrong_is_named_with_the_remedy),
        cmocka_unit_test(a_word_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
