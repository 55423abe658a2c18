/* SPDX-License-Identifier: BSD-3-Clause */
/* States that nobody saved: refused, and the device is as it was, or taken, and then they are saved
 * again as they were. */
#include "../cmocka_all.h"

#include "state_rig.h"

#include <errno.h>
#include <stdlib.h>

static unsigned taken, refused;

static void try_it(struct rig *rig, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t before[STATE_SIZE_MAX], after[STATE_SIZE_MAX];
    size_t length = state_save(rig, before);
    struct hf_error error = { 0 };
    /* Memory of exactly that size, for the sanitizer. */
    uint8_t *given = malloc(size_bytes != 0 ? size_bytes : 1);

    memcpy(given, bytes, size_bytes);
    int result = hf_device_load(rig->device, given, size_bytes, &error);
    free(given);
    assert_true(result <= 0 && error.code == -result);
    assert_int_equal(error.text[0] == '\0', result == 0);
    if (result == 0) {
        assert_int_equal(state_save(rig, after), size_bytes);
        assert_memory_equal(after, bytes, size_bytes);
        taken++;
    } else {
        assert_int_equal(state_save(rig, after), length);
        assert_memory_equal(after, before, length);
        refused++;
    }
    hf_device_reset(rig->device);
}

static void each_byte_changed(struct rig *rig, uint8_t *bytes, size_t size_bytes)
{
    static const uint8_t changes[] = { 0x01, 0x02, 0x10, 0x80, 0xff };

    for (size_t i = 0; i < size_bytes; i++) {
        for (unsigned k = 0; k < sizeof(changes); k++) {
            bytes[i] ^= changes[k];
            try_it(rig, bytes, size_bytes);
            bytes[i] ^= changes[k];
        }
    }
}

static void each_length(struct rig *rig, const uint8_t *bytes, size_t size_bytes)
{
    refused = taken = 0;
    for (size_t length = 0; length <= size_bytes + 64; length++)
        try_it(rig, bytes, length);
    assert_int_equal(taken, 1);
}

static void a_clean_state_changed_in_any_byte_or_cut_is_refused_or_taken_as_it_is(void **state)
{
    uint8_t bytes[STATE_SIZE_MAX] = { 0 };

    state_stop_clean(*state, STATE_MODERN);
    size_t size_bytes = state_save(*state, bytes);
    state_make_receiver(*state);
    refused = taken = 0;
    each_byte_changed(*state, bytes, size_bytes);
    assert_true(taken > 50 && refused > 400);
    each_length(*state, bytes, size_bytes);
}

static void a_crash_changed_in_any_byte_or_cut_is_refused_or_taken_as_it_is(void **state)
{
    uint8_t bytes[STATE_SIZE_MAX] = { 0 };

    state_crash(*state, STATE_LEGACY);
    size_t size_bytes = state_save(*state, bytes);
    state_make_receiver(*state);
    refused = taken = 0;
    each_byte_changed(*state, bytes, size_bytes);
    assert_true(taken > 1200 && refused > 400); /* all bytes of the region are the region's */
    each_length(*state, bytes, size_bytes);
}

static void random_bytes_are_refused(void **state)
{
    static const uint8_t head[] = { 'H', 'F', 'D', 'E', 'V', 'I', 'C', 'E', 1, 0, 0, 0 };
    uint8_t bytes[STATE_SIZE_MAX];

    state_make_receiver(*state);
    srandom(20261122);
    refused = taken = 0;
    for (unsigned i = 0; i < 3000; i++) {
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (uint8_t)random();
        if (i % 2 == 0)
            memcpy(bytes, head, sizeof(head));
        try_it(*state, bytes, (size_t)random() % (sizeof(bytes) - 64));
    }
    assert_int_equal(taken, 0);
}

/* ---- each field ------------------------------------------------------------------------------ */

#define PREFIX "unable to load the device's state: "

struct wrong {
    size_t offset;
    uint8_t value;
    int code;
    const char *text;
};

static void expect_wrong(struct rig *rig, const uint8_t *state, size_t size_bytes,
                         const struct wrong *wrong)
{
    uint8_t bytes[STATE_SIZE_MAX];
    struct hf_error error;

    memcpy(bytes, state, size_bytes);
    bytes[wrong->offset] = wrong->value;
    assert_int_equal(hf_device_load(rig->device, bytes, size_bytes, &error), wrong->code);
    assert_string_equal(error.text, wrong->text);
    state_expect_refused(rig, bytes, size_bytes, wrong->code);
}

static void what_cannot_be_in_a_clean_state_is_named(void **state)
{
    static const struct wrong wrongs[] = {
        { 7, 'e', -EINVAL, PREFIX "not the state of a device" },
        { 8, 2, -EINVAL, PREFIX "state of version 2, only 1 is known" },
        { 12, 7, -EINVAL, PREFIX "what is reserved is not 0" },
        { 12, 1, -EINVAL, PREFIX "features 0x110000000, which were not written" },
        { 16, 1, -EINVAL, PREFIX "features 0x1 were acknowledged and not offered" },
        { 27, 0x70, -EPROTONOSUPPORT, PREFIX "this device does not offer features 0x40000000" },
        { 33, 3, -EINVAL, PREFIX "an unknown kind of early kick: 3" },
        { 34, 4, -EINVAL, PREFIX "the state is of 4 queues, the device has 3" },
        { 36, 1, -EINVAL, PREFIX "clean, and yet there are requests in flight" },
        { 40, 3, -EINVAL, PREFIX "ring 0: Invalid argument" },
        { 41, 1, -EINVAL, PREFIX "ring 0: Invalid argument" },
        { 44, 1, -EINVAL, PREFIX "what is reserved is not 0" },
        { 112, 1, -EINVAL, PREFIX "ring 2: Invalid argument" },
        { 114, 1, -EFAULT, PREFIX "ring 2: Bad address" },
        { 136, 1, -EINVAL, PREFIX "the state is cut short, or too long" },
        { 144, 1, -EINVAL,
          PREFIX "an in-flight region that cannot be: 0 bytes at 1 for 0 rings of 0" },
        { 156, 1, -EINVAL, PREFIX "what is reserved is not 0" },
    };
    uint8_t bytes[STATE_SIZE_MAX];

    state_stop_clean(*state, STATE_MODERN);
    size_t size_bytes = state_save(*state, bytes);
    state_make_receiver(*state);
    for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
        expect_wrong(*state, bytes, size_bytes, &wrongs[i]);
}

static void what_cannot_be_after_a_crash_is_named(void **state)
{
    static const struct wrong wrongs[] = {
        { 12, 3, -EINVAL, PREFIX "clean, and yet there are requests in flight" },
        { 136, 0xef, -EINVAL, PREFIX "the state is cut short, or too long" },
        { 148, 1, -EINVAL,
          PREFIX "an in-flight region that cannot be: 240 bytes at 4294967296 for 3 rings of 4" },
        { 152, 2, -EINVAL,
          PREFIX "an in-flight region that cannot be: 240 bytes at 0 for 2 rings of 4" },
        { 152, 4, -EINVAL,
          PREFIX "an in-flight region that cannot be: 240 bytes at 0 for 4 rings of 4" },
        { 153, 2, -EINVAL,
          PREFIX "an in-flight region that cannot be: 240 bytes at 0 for 515 rings of 4" },
        { 154, 3, -EINVAL,
          PREFIX "an in-flight region that cannot be: 240 bytes at 0 for 3 rings of 3" },
    };
    uint8_t bytes[STATE_SIZE_MAX];

    state_crash(*state, STATE_MODERN);
    size_t size_bytes = state_save(*state, bytes);
    state_make_receiver(*state);
    for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
        expect_wrong(*state, bytes, size_bytes, &wrongs[i]);
    bytes[36] = 0;
    bytes[12] = 3; /* nothing in flight, but for the region */
    state_expect_refused(*state, bytes, size_bytes, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_clean_state_changed_in_any_byte_or_cut_is_refused_or_taken_as_it_is),
        STORY(a_crash_changed_in_any_byte_or_cut_is_refused_or_taken_as_it_is),
        STORY(random_bytes_are_refused),
        STORY(what_cannot_be_in_a_clean_state_is_named),
        STORY(what_cannot_be_after_a_crash_is_named),
    };

    return cmocka_run_group_tests_name("device/state hostile", tests, NULL, NULL);
}
