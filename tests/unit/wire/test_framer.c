/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer whose bytes arrive in any pieces: the same messages must come out, with their
 * descriptors; and every way to be wrong is named and gives all descriptors back. */
#include "wire/framer.h"

#include "base/check.h"
#include "hex.h"

static struct hf_framer framer;
static struct hf_message message;

static enum hf_frame feed_piece(const uint8_t *bytes, size_t size, const int *fds, unsigned count)
{
    struct hf_piece piece = { .size_bytes = size, .fds = fds, .fd_count = count };
    uint8_t *into;
    size_t length;

    hf_framer_want(&framer, &into, &length);
    assert_true(length > 0);
    assert_true(size <= length);
    if (size > 0)
        memcpy(into, bytes, size);
    return hf_framer_feed(&framer, &piece, &message);
}

/* Everything that is wanted, as far as the bytes reach; returns the last result. Descriptors go
 * with the first piece. */
static enum hf_frame feed(const char *hex, const int *fds, unsigned count)
{
    uint8_t bytes[512] = { 0 };
    size_t size = hex_bytes(hex, bytes, sizeof(bytes));
    enum hf_frame frame = HF_FRAME_MORE;

    for (size_t at = 0; at < size && frame == HF_FRAME_MORE;) {
        uint8_t *into;
        size_t length;

        hf_framer_want(&framer, &into, &length);
        length = length < size - at ? length : size - at;
        frame = feed_piece(bytes + at, length, fds, at == 0 ? count : 0);
        at += length;
    }
    return frame;
}

static void assert_released(const int *expected, unsigned count)
{
    int fds[HF_FRAMER_HELD_FDS_MAX];

    assert_int_equal(hf_framer_release(&framer, fds), count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(fds[i], expected[i]);
    assert_int_equal(hf_framer_release(&framer, fds), 0);
}

/* --- a conversation of five messages, in pieces --- */

struct step {
    const char *hex;
    unsigned fd_count;
    uint32_t request;
};

/* Bodies of all sorts: none, fixed, with one descriptor, with three, config; the messages without
 * descriptors stand between those with. */
static const struct step conversation[] = {
    { "01000000 01000000 00000000", 0, HF_REQUEST_GET_FEATURES },
    { "0c000000 09000000 08000000 0200000000000000", 1, HF_REQUEST_SET_VRING_KICK },
    { "02000000 01000000 08000000 1122334455667708", 0, HF_REQUEST_SET_FEATURES },
    { "05000000 01000000 68000000 0300000000000000"
      "0100000000000000 0200000000000000 0300000000000000 0400000000000000"
      "0500000000000000 0600000000000000 0700000000000000 0800000000000000"
      "0900000000000000 0a00000000000000 0b00000000000000 0c00000000000000",
      3, HF_REQUEST_SET_MEM_TABLE },
    { "19000000 01000000 10000000 00000000 04000000 00000000 a1a2a3a4", 0, HF_REQUEST_SET_CONFIG },
};

static void assert_step(size_t index, int first_fd)
{
    const struct step *step = &conversation[index];

    assert_int_equal(message.request, step->request);
    assert_int_equal(message.fd_count, step->fd_count);
    for (unsigned i = 0; i < step->fd_count; i++)
        assert_int_equal(message.fds[i], first_fd + (int)i);
    for (unsigned i = step->fd_count; i < HF_MESSAGE_FDS_MAX; i++)
        assert_int_equal(message.fds[i], -1);
}

static void assert_bodies(size_t index)
{
    if (index == 1)
        assert_true(message.body.u64 == 2);
    if (index == 2)
        assert_true(message.body.u64 == UINT64_C(0x0877665544332211));
    if (index == 3)
        assert_true(message.body.table.regions[2].mmap_offset == 12);
    if (index == 4)
        assert_memory_equal(message.body.config.data, "\xa1\xa2\xa3\xa4", 4);
}

static uint32_t random_state;

static size_t random_below(size_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* most == 0: as much as wanted; otherwise 1 .. most bytes at a time. */
static size_t piece_size(size_t wanted, size_t left, size_t most)
{
    size_t size = wanted < left ? wanted : left;
    size_t limit = most == 0 ? size : 1 + random_below(most);

    return limit < size ? limit : size;
}

static void talk_one(size_t index, int first_fd, size_t most)
{
    const int fds[] = { first_fd, first_fd + 1, first_fd + 2 };
    uint8_t bytes[512] = { 0 };
    size_t size = hex_bytes(conversation[index].hex, bytes, sizeof(bytes));

    assert_true(hf_framer_between_messages(&framer));
    for (size_t at = 0; at < size;) {
        uint8_t *into;
        size_t length;

        hf_framer_want(&framer, &into, &length);
        assert_int_equal(length, at < 12 ? 12 - at : size - at); /* never into the next message */
        length = piece_size(length, size - at, most);
        enum hf_frame frame =
            feed_piece(bytes + at, length, fds, at == 0 ? conversation[index].fd_count : 0);
        at += length;
        assert_int_equal(frame, at == size ? HF_FRAME_MESSAGE : HF_FRAME_MORE);
        assert_int_equal(hf_framer_between_messages(&framer), at == size);
    }
    assert_step(index, first_fd);
    assert_bodies(index);
}

static void talk(size_t most)
{
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    for (size_t i = 0; i < HF_ARRAY_COUNT(conversation); i++)
        talk_one(i, 100 + 10 * (int)i, most);
    assert_released(NULL, 0);
}

static void messages_come_out_whole_when_read_as_wanted(void **state)
{
    (void)state;
    talk(0);
}

static void messages_come_out_whole_byte_by_byte(void **state)
{
    (void)state;
    talk(1);
}

static void messages_come_out_whole_however_they_are_split(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 2000; seed++) {
        random_state = seed;
        talk(1 + random_below(40));
    }
}

static void a_first_byte_may_bring_eight_descriptors(void **state)
{
    static const int fds[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    uint8_t bytes[12 + 8 + 8 * 32] = { 0 };
    enum hf_frame frame = HF_FRAME_MORE;

    (void)state;
    assert_int_equal(hex_bytes("05000000 01000000 08010000 08000000", bytes, 16), 16);
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    for (size_t at = 0; at < sizeof(bytes); at++)
        frame = feed_piece(bytes + at, 1, fds, at == 0 ? 8 : 0);
    assert_int_equal(frame, HF_FRAME_MESSAGE);
    assert_int_equal(message.fd_count, 8);
    assert_memory_equal(message.fds, fds, sizeof(fds));
}

static void replies_are_read_by_the_other_half_of_the_table(void **state)
{
    static const int fds[] = { 77 };

    (void)state;
    hf_framer_init(&framer, HF_STREAM_REPLIES);
    assert_int_equal(feed("1f000000 05000000 18000000"
                          "8010000000000000 0000000000000000 0100 8000 00000000",
                          fds, 1),
                     HF_FRAME_MESSAGE);
    assert_int_equal(message.stream, HF_STREAM_REPLIES);
    assert_int_equal(message.fds[0], 77);
    assert_true(message.body.inflight.mmap_size_bytes == 0x1080);
}

static void the_back_end_channel_has_its_own_numbers(void **state)
{
    (void)state;
    hf_framer_init(&framer, HF_STREAM_BACKEND_REQUESTS);
    assert_int_equal(feed("02000000 09000000 00000000", NULL, 0), HF_FRAME_MESSAGE);
    assert_string_equal(hf_message_name(&message), "CONFIG_CHANGE_MSG");
    hf_framer_init(&framer, HF_STREAM_BACKEND_REPLIES);
    assert_int_equal(feed("02000000 05000000 08000000 0000000000000000", NULL, 0),
                     HF_FRAME_MESSAGE);
}

/* --- what goes wrong --- */

static void assert_fault(enum hf_stream stream, const char *hex, const int *fds, unsigned count,
                         enum hf_wire_fault fault)
{
    hf_framer_init(&framer, stream);
    memset(&message, 0x77, sizeof(message));
    assert_int_equal(feed(hex, fds, count), HF_FRAME_FAULT);
    assert_int_equal(framer.fault, fault);
    assert_int_equal(message.request, 0x77777777); /* untouched */
    assert_released(fds, count);
}

static void a_wrong_header_is_named_before_the_body_is_read(void **state)
{
    static const int fds[] = { 5, 6 };
    static const enum hf_stream requests = HF_STREAM_REQUESTS;

    (void)state;
    assert_fault(requests, "02000000 02000000 08000000", fds, 2, HF_WIRE_FAULT_VERSION);
    assert_fault(requests, "02000000 21000000 08000000", fds, 2, HF_WIRE_FAULT_FLAGS);
    assert_fault(requests, "02000000 05000000 08000000", fds, 2, HF_WIRE_FAULT_NOT_A_REQUEST);
    assert_fault(requests, "02000000 01000000 07000000", fds, 2, HF_WIRE_FAULT_LENGTH);
    assert_fault(HF_STREAM_REPLIES, "02000000 01000000 08000000", fds, 2,
                 HF_WIRE_FAULT_NOT_A_REPLY);
    assert_fault(HF_STREAM_REPLIES, "2d000000 05000000 08000000", fds, 2,
                 HF_WIRE_FAULT_UNKNOWN_REQUEST);
}

static void an_oversize_body_is_refused_before_it_is_read(void **state)
{
    (void)state;
    assert_fault(HF_STREAM_REQUESTS, "1a000000 01000000 01100000", NULL, 0, HF_WIRE_FAULT_TOO_LONG);
    assert_fault(HF_STREAM_REQUESTS, "1a000000 01000000 ffffffff", NULL, 0, HF_WIRE_FAULT_TOO_LONG);
}

static void the_largest_body_is_read(void **state)
{
    static const uint8_t zeros[HF_WIRE_PAYLOAD_MAX];

    (void)state;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed("1a000000 01000000 00100000", NULL, 0), HF_FRAME_MORE);
    assert_int_equal(feed_piece(zeros, sizeof(zeros), NULL, 0), HF_FRAME_MESSAGE);
    assert_int_equal(message.size_bytes, 4096);
}

static void a_body_that_contradicts_its_length_gives_its_descriptors_back(void **state)
{
    static const int fds[] = { 5 };

    (void)state;
    assert_fault(HF_STREAM_REQUESTS, "05000000 01000000 08000000 0100000000000000", fds, 1,
                 HF_WIRE_FAULT_CONTENT);
}

static void too_few_descriptors_are_an_error(void **state)
{
    static const int fds[] = { 5 };

    (void)state;
    assert_fault(HF_STREAM_REQUESTS, "0c000000 01000000 08000000 0000000000000000", NULL, 0,
                 HF_WIRE_FAULT_FDS_TOO_FEW);
    assert_fault(HF_STREAM_REQUESTS,
                 "05000000 01000000 48000000 0200000000000000"
                 "0000000000000000 0000000000000000 0000000000000000 0000000000000000"
                 "0000000000000000 0000000000000000 0000000000000000 0000000000000000",
                 fds, 1, HF_WIRE_FAULT_FDS_TOO_FEW);
}

static void too_many_descriptors_are_an_error(void **state)
{
    static const int fds[] = { 5, 6 };

    (void)state;
    assert_fault(HF_STREAM_REQUESTS, "01000000 01000000 00000000", fds, 1,
                 HF_WIRE_FAULT_FDS_TOO_MANY);
    assert_fault(HF_STREAM_REQUESTS, "0c000000 01000000 08000000 0000000000000000", fds, 2,
                 HF_WIRE_FAULT_FDS_TOO_MANY);
    assert_fault(HF_STREAM_REQUESTS, "0c000000 01000000 08000000 0001000000000000", fds, 1,
                 HF_WIRE_FAULT_FDS_TOO_MANY);
}

static void more_descriptors_than_any_message_has_are_refused_at_once(void **state)
{
    int fds[HF_FRAMER_PIECE_FDS_MAX];

    (void)state;
    for (int i = 0; i < HF_FRAMER_PIECE_FDS_MAX; i++)
        fds[i] = 10 + i;
    assert_fault(HF_STREAM_REQUESTS, "05", fds, 9, HF_WIRE_FAULT_FDS_TOO_MANY);
    assert_fault(HF_STREAM_REQUESTS, "05", fds, HF_FRAMER_PIECE_FDS_MAX,
                 HF_WIRE_FAULT_FDS_TOO_MANY);
}

/* One descriptor comes with the first byte, rightly; two more with byte `at`. */
static void assert_misplaced(size_t at)
{
    static const int expected[] = { 5, 6, 7 };
    uint8_t bytes[20] = { 0 };

    hex_bytes("0c000000 01000000 08000000 0000000000000000", bytes, sizeof(bytes));
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    for (size_t i = 0; i < at; i++)
        assert_int_equal(feed_piece(bytes + i, 1, expected, i == 0 ? 1 : 0), HF_FRAME_MORE);
    assert_int_equal(feed_piece(bytes + at, 1, expected + 1, 2), HF_FRAME_FAULT);
    assert_int_equal(framer.fault, HF_WIRE_FAULT_FDS_MISPLACED);
    assert_released(expected, 3);
}

static void descriptors_after_the_first_byte_are_misplaced(void **state)
{
    (void)state;
    for (size_t at = 1; at < 20; at++)
        assert_misplaced(at);
}

static void descriptors_without_any_byte_are_misplaced(void **state)
{
    static const int fds[] = { 5 };

    (void)state;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed_piece(NULL, 0, fds, 1), HF_FRAME_FAULT);
    assert_int_equal(framer.fault, HF_WIRE_FAULT_FDS_MISPLACED);
    assert_released(fds, 1);
}

static void a_full_hand_of_descriptors_can_be_misplaced_and_is_given_back(void **state)
{
    int fds[HF_MESSAGE_FDS_MAX + HF_FRAMER_PIECE_FDS_MAX];

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(fds); i++)
        fds[i] = (int)i;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed_piece((const uint8_t *)"\x05", 1, fds, 8), HF_FRAME_MORE);
    assert_int_equal(feed_piece((const uint8_t *)"\x00", 1, fds + 8, 16), HF_FRAME_FAULT);
    assert_released(fds, 24);
}

static void truncated_descriptors_are_an_error_with_or_without_any_left(void **state)
{
    static const int fds[] = { 5, 6 };

    (void)state;
    for (unsigned count = 0; count <= 2; count++) {
        struct hf_piece piece = { .size_bytes = 1, .fds = fds, .fd_count = count };
        uint8_t *into;
        size_t length;

        hf_framer_init(&framer, HF_STREAM_REQUESTS);
        hf_framer_want(&framer, &into, &length);
        *into = 5;
        piece.truncated = true;
        assert_int_equal(hf_framer_feed(&framer, &piece, &message), HF_FRAME_FAULT);
        assert_int_equal(framer.fault, HF_WIRE_FAULT_FDS_TRUNCATED);
        assert_released(fds, count);
    }
}

static void a_delivered_descriptor_is_held_no_longer(void **state)
{
    static const int fds[] = { 5 };

    (void)state;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed("0c000000 01000000 08000000 0000000000000000", fds, 1), HF_FRAME_MESSAGE);
    assert_int_equal(feed("2d000000 02000000 00000000", NULL, 0), HF_FRAME_FAULT);
    assert_released(NULL, 0);
}

static void the_end_of_the_socket_inside_a_message_gives_its_descriptors_back(void **state)
{
    static const int fds[] = { 5 };

    (void)state;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed("0c000000 01000000 08000000", fds, 1), HF_FRAME_MORE);
    assert_false(hf_framer_between_messages(&framer));
    assert_released(fds, 1);
}

static void a_read_of_nothing_changes_nothing(void **state)
{
    (void)state;
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    assert_int_equal(feed_piece((const uint8_t *)"", 0, NULL, 0), HF_FRAME_MORE);
    assert_true(hf_framer_between_messages(&framer));
    assert_int_equal(feed("01000000 01000000 00000000", NULL, 0), HF_FRAME_MESSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_whole_when_read_as_wanted),
        cmocka_unit_test(messages_come_out_whole_byte_by_byte),
        cmocka_unit_test(messages_come_out_whole_however_they_are_split),
        cmocka_unit_test(a_first_byte_may_bring_eight_descriptors),
        cmocka_unit_test(replies_are_read_by_the_other_half_of_the_table),
        cmocka_unit_test(the_back_end_channel_has_its_own_numbers),
        cmocka_unit_test(a_wrong_header_is_named_before_the_body_is_read),
        cmocka_unit_test(an_oversize_body_is_refused_before_it_is_read),
        cmocka_unit_test(the_largest_body_is_read),
        cmocka_unit_test(a_body_that_contradicts_its_length_gives_its_descriptors_back),
        cmocka_unit_test(too_few_descriptors_are_an_error),
        cmocka_unit_test(too_many_descriptors_are_an_error),
        cmocka_unit_test(more_descriptors_than_any_message_has_are_refused_at_once),
        cmocka_unit_test(descriptors_after_the_first_byte_are_misplaced),
        cmocka_unit_test(descriptors_without_any_byte_are_misplaced),
        cmocka_unit_test(a_full_hand_of_descriptors_can_be_misplaced_and_is_given_back),
        cmocka_unit_test(truncated_descriptors_are_an_error_with_or_without_any_left),
        cmocka_unit_test(a_delivered_descriptor_is_held_no_longer),
        cmocka_unit_test(the_end_of_the_socket_inside_a_message_gives_its_descriptors_back),
        cmocka_unit_test(a_read_of_nothing_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
