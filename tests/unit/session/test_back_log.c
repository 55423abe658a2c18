/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The dirty log as numbers: what is a log, when it must be there, and what it must cover. One bit a
 * page of 4096 bytes: a byte of log for 32 KiB of guest.
 */
#include "session/back.h"

#include "cmocka_all.h"
#include "back_rig.h"

#define BIT30      HF_FEATURE(PROTOCOL_FEATURES)
#define LOGGING    (BIT30 | HF_FEATURE(LOG_ALL))
#define BYTE       (UINT64_C(8) * 4096) /* of the log: so much of the guest */
#define MEMORY     (16 * BYTE)          /* from 0 on */
#define LOG_BYTES  16u
#define USED_BYTES (6u + 8u * 128u) /* of a ring of the rig */

#define MISSING    "report (LOG_ALL is set, and there is no dirty log to mark pages in); reply 1"
#define SHORT      "report (the dirty log does not cover the memory and the used rings); reply 1"

static const char *send(struct rig *rig, struct hf_message message)
{
    message.flags |= HF_MESSAGE_NEED_REPLY;
    return rig_send(rig, &message);
}

/* Memory of 16 bytes' worth; no ring, no log. */
static void prepare(struct rig *rig)
{
    rig_init(rig);
    rig_negotiate(rig, BIT30, rig->back.offer.protocol_features);
    assert_string_equal(send(rig, rig_region(rig, HF_REQUEST_SET_MEM_TABLE, 0, MEMORY)),
                        "memory replace; reply 0");
}

static struct hf_message log_message(struct rig *rig, uint64_t size_bytes, uint64_t offset)
{
    struct hf_message message = rig_message(rig, HF_REQUEST_SET_LOG_BASE, 0, 0);

    message.body.log = (struct hf_wire_log){ .size_bytes = size_bytes, .mmap_offset = offset };
    message.fd_count = 1;
    message.fds[0] = rig->next_fd++;
    return message;
}

static const char *set_log(struct rig *rig, uint64_t size_bytes)
{
    struct hf_message message = log_message(rig, size_bytes, 0);

    return rig_send(rig, &message);
}

static struct hf_message address_message(struct rig *rig, uint16_t ring, uint64_t log)
{
    struct hf_message message = rig_message(rig, HF_REQUEST_SET_VRING_ADDR, ring, 0x10000);

    message.body.addr.flags = HF_WIRE_VRING_F_LOG;
    message.body.addr.log = log;
    return message;
}

static void start_enabled(struct rig *rig, uint16_t ring)
{
    rig_start_ring(rig, ring);
    rig_do(rig, HF_REQUEST_SET_VRING_ENABLE, ring, 1);
    assert_true(hf_back_ring_active(&rig->back, ring));
}

/* Nothing is logged yet. */
static void prepare_ring_and_log(struct rig *rig)
{
    prepare(rig);
    start_enabled(rig, 2);
    set_log(rig, LOG_BYTES);
}

static void prepare_logging(struct rig *rig)
{
    prepare(rig);
    set_log(rig, LOG_BYTES);
    rig_ask(rig, HF_REQUEST_SET_FEATURES, LOGGING, 0);
}

/* ---- the messages ---- */

static void test_a_log_is_mapped_and_answered_unasked(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(set_log(&rig, LOG_BYTES), "log map; reply 0");
    assert_int_equal(rig.back.log.size_bytes, LOG_BYTES);
    assert_string_equal(send(&rig, log_message(&rig, 77, 4096)), "log map; reply 0");
    rig_expect_no_leak(&rig);
}

static void test_a_log_that_cannot_be_ends_the_session(void **state)
{
    static const struct {
        uint64_t size_bytes;
        uint64_t offset;
    } cases[] = { { 0, 0 }, { 1, UINT64_MAX }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX } };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(cases); i++) {
        struct rig rig;

        prepare(&rig);
        assert_string_equal(send(&rig, log_message(&rig, cases[i].size_bytes, cases[i].offset)),
                            "close fds; hang up (a dirty log like that cannot be)");
        assert_int_equal(rig.fault, HF_BACK_FAULT_LOG);
        rig_expect_no_leak(&rig);
    }
}

static void test_a_log_comes_with_a_descriptor_and_in_its_own_form(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    struct hf_message bare = log_message(&rig, LOG_BYTES, 0);
    bare.fd_count = 0;
    assert_string_equal(send(&rig, bare), "hang up (a dirty log like that cannot be)");
    prepare(&rig);
    struct hf_message old = log_message(&rig, LOG_BYTES, 0);
    old.kind = HF_PAYLOAD_U64;
    assert_string_equal(send(&rig, old), "close fds; hang up (a dirty log like that cannot be)");
    rig_expect_no_leak(&rig);
}

static void test_without_log_shmfd_there_is_no_log(void **state)
{
    struct rig rig;

    (void)state;
    rig_init(&rig);
    rig_negotiate(&rig, BIT30, HF_PROTOCOL_FEATURE(REPLY_ACK));
    assert_string_equal(send(&rig, log_message(&rig, LOG_BYTES, 0)),
                        "close fds; report (the feature it belongs to is not negotiated); reply 1");
    rig_expect_no_leak(&rig);
}

/* What is in the answer no front-end looks at. */
static void test_a_log_that_cannot_be_mapped_ends_the_session(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig.result = -22;
    assert_string_equal(set_log(&rig, LOG_BYTES), "log map; hang up (could not be carried out)");
    rig_expect_no_leak(&rig);
}

static void test_the_log_descriptor_is_taken_and_closed(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_LOG_FD, 0, 0), "close fds; reply 0");
    rig_expect_no_leak(&rig);
}

/* ---- on and off ---- */

static void test_logging_goes_on_and_off_under_running_rings(void **state)
{
    struct rig rig;

    (void)state;
    prepare_ring_and_log(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0),
                        "log switch 1; features; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0), "features; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING | HF_FEATURE(VERSION_1), 0),
                        "report (may be changed only while the ring is stopped); reply 1");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, BIT30, 0),
                        "log switch 0; features; reply 0");
    assert_int_equal(rig.back.features, BIT30);
}

static void test_logging_waits_for_the_edge(void **state)
{
    struct rig rig;

    (void)state;
    prepare_ring_and_log(&rig);
    rig.patient = true;
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0),
                        "log switch 1; features");
    assert_false(hf_back_settled(&rig.back));
    assert_string_equal(rig_answer(&rig, 0), "");
    assert_string_equal(rig_answer(&rig, 0), "reply 0");
    assert_string_equal(set_log(&rig, LOG_BYTES), "log map");
    assert_string_equal(rig_answer(&rig, 0), "reply 0");
}

static void test_a_ring_does_not_run_unlogged(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_start_ring(&rig, 2);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0), MISSING);
    assert_int_equal(rig.fault, HF_BACK_FAULT_LOG_MISSING);
    assert_int_equal(rig.back.features, BIT30);
    assert_string_equal(set_log(&rig, LOG_BYTES - 1), "log map; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0), SHORT);
    assert_int_equal(rig.fault, HF_BACK_FAULT_LOG_SHORT);
    assert_string_equal(set_log(&rig, LOG_BYTES), "log map; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0),
                        "log switch 1; features; reply 0");
}

/* QEMU, when it starts in the middle of a migration: features, rings, log, ENABLE. */
static void test_rings_may_start_before_the_log_but_not_be_enabled(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0),
                        "log switch 1; features; reply 0");
    rig_start_ring(&rig, 2);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 1), MISSING);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 0),
                        "ring enable 2 0; reply 0");
    assert_string_equal(set_log(&rig, LOG_BYTES), "log map; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 1),
                        "ring enable 2 1; reply 0");
}

static void test_an_enabled_ring_does_not_start_without_the_log(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 2, 128);
    rig_do(&rig, HF_REQUEST_SET_VRING_ADDR, 2, 0x10000);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 1), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), "close fds; " MISSING);
    set_log(&rig, LOG_BYTES);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), "ring start 2; reply 0");
    rig_expect_no_leak(&rig);
}

/* After a reset rings are disabled, whatever the features said; to say it again enables them. */
static void test_features_without_bit_30_enable_no_ring_without_the_log(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    rig_ask(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(LOG_ALL), 0);
    rig_ask(&rig, HF_REQUEST_RESET_DEVICE, 0, 0);
    rig_start_ring(&rig, 2);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(LOG_ALL), 0), MISSING);
    set_log(&rig, LOG_BYTES);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, HF_FEATURE(LOG_ALL), 0),
                        "features; ring enable 2 1; reply 0");
}

static void test_a_reset_leaves_log_and_features(void **state)
{
    struct rig rig;

    (void)state;
    prepare_logging(&rig);
    send(&rig, address_message(&rig, 2, 0));
    rig_ask(&rig, HF_REQUEST_RESET_DEVICE, 0, 0);
    assert_int_equal(rig.back.log.size_bytes, LOG_BYTES);
    assert_int_equal(rig.back.features, LOGGING);
    assert_int_equal(rig.back.rings[2].addresses.flags, 0);
}

/* ---- what it covers ---- */

static void test_a_log_in_use_covers_all_of_the_memory(void **state)
{
    struct rig rig;

    (void)state;
    prepare_ring_and_log(&rig);
    rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0);
    assert_string_equal(send(&rig, rig_region(&rig, HF_REQUEST_ADD_MEM_REG, MEMORY, 1)),
                        "close fds; " SHORT);
    assert_string_equal(send(&rig, rig_region(&rig, HF_REQUEST_SET_MEM_TABLE, 0, MEMORY + 1)),
                        "close fds; " SHORT);
    assert_string_equal(set_log(&rig, LOG_BYTES + 1), "log map; reply 0");
    assert_string_equal(send(&rig, rig_region(&rig, HF_REQUEST_ADD_MEM_REG, MEMORY, BYTE)),
                        "memory add; reply 0");
    assert_string_equal(
        set_log(&rig, LOG_BYTES),
        "close fds; hang up (the dirty log does not cover the memory and the used rings)");
    rig_expect_no_leak(&rig);
}

static void test_a_log_nobody_needs_may_be_short(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    assert_string_equal(set_log(&rig, 1), "log map; reply 0");
    start_enabled(&rig, 2);
    assert_string_equal(set_log(&rig, 2), "log map; reply 0");
    assert_string_equal(rig_do(&rig, HF_REQUEST_GET_VRING_BASE, 2, 0), "ring stop 2; reply 2=0");
    rig_do(&rig, HF_REQUEST_SET_VRING_ENABLE, 2, 0);
    rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0);
    assert_string_equal(set_log(&rig, 3), "log map; reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), "close fds; " SHORT);
    rig_expect_no_leak(&rig);
}

static void test_no_memory_at_all_is_covered(void **state)
{
    struct rig rig;

    (void)state;
    prepare_ring_and_log(&rig);
    rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0);
    struct hf_message empty = rig_message(&rig, HF_REQUEST_SET_MEM_TABLE, 0, 0);
    assert_string_equal(send(&rig, empty), "memory replace; reply 0");
    assert_string_equal(set_log(&rig, 1), "log map; reply 0");
}

static void test_a_used_ring_is_covered_to_its_last_byte(void **state)
{
    const uint64_t last = MEMORY - USED_BYTES;
    struct rig rig;

    (void)state;
    prepare_logging(&rig);
    start_enabled(&rig, 2);
    assert_string_equal(send(&rig, address_message(&rig, 2, last + 1)), SHORT);
    assert_string_equal(send(&rig, address_message(&rig, 2, UINT64_MAX - 10)), SHORT);
    assert_string_equal(send(&rig, address_message(&rig, 2, last)), "ring log 2; reply 0");
    assert_string_equal(send(&rig, address_message(&rig, 2, last)), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_ADDR, 2, 0x10000),
                        "ring log 2; reply 0");
    assert_int_equal(rig.back.rings[2].addresses.flags, 0);
}

static void test_a_stopped_ring_may_say_what_it_likes_until_it_starts(void **state)
{
    struct rig rig;

    (void)state;
    prepare_logging(&rig);
    rig_do(&rig, HF_REQUEST_SET_VRING_NUM, 2, 128);
    assert_string_equal(send(&rig, address_message(&rig, 2, MEMORY)), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), "close fds; " SHORT);
    assert_string_equal(send(&rig, address_message(&rig, 2, 4096)), "reply 0");
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_VRING_KICK, 2, 0), "ring start 2; reply 0");
}

static void test_the_log_of_a_ring_means_nothing_while_nothing_is_logged(void **state)
{
    struct rig rig;

    (void)state;
    prepare(&rig);
    start_enabled(&rig, 2);
    assert_string_equal(send(&rig, address_message(&rig, 2, UINT64_MAX)), "reply 0");
    set_log(&rig, LOG_BYTES);
    assert_string_equal(rig_ask(&rig, HF_REQUEST_SET_FEATURES, LOGGING, 0), SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_is_mapped_and_answered_unasked),
        cmocka_unit_test(test_a_log_that_cannot_be_ends_the_session),
        cmocka_unit_test(test_a_log_comes_with_a_descriptor_and_in_its_own_form),
        cmocka_unit_test(test_without_log_shmfd_there_is_no_log),
        cmocka_unit_test(test_a_log_that_cannot_be_mapped_ends_the_session),
        cmocka_unit_test(test_the_log_descriptor_is_taken_and_closed),
        cmocka_unit_test(test_logging_goes_on_and_off_under_running_rings),
        cmocka_unit_test(test_logging_waits_for_the_edge),
        cmocka_unit_test(test_a_ring_does_not_run_unlogged),
        cmocka_unit_test(test_rings_may_start_before_the_log_but_not_be_enabled),
        cmocka_unit_test(test_an_enabled_ring_does_not_start_without_the_log),
        cmocka_unit_test(test_features_without_bit_30_enable_no_ring_without_the_log),
        cmocka_unit_test(test_a_reset_leaves_log_and_features),
        cmocka_unit_test(test_a_log_in_use_covers_all_of_the_memory),
        cmocka_unit_test(test_a_log_nobody_needs_may_be_short),
        cmocka_unit_test(test_no_memory_at_all_is_covered),
        cmocka_unit_test(test_a_used_ring_is_covered_to_its_last_byte),
        cmocka_unit_test(test_a_stopped_ring_may_say_what_it_likes_until_it_starts),
        cmocka_unit_test(test_the_log_of_a_ring_means_nothing_while_nothing_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
