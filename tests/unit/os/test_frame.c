/* SPDX-License-Identifier: BSD-3-Clause */
/* src/os/frame.c: pieces of a socket into messages. What a message is, is tested with the framer.
 */
#include "fixture.h"

#include "os/fd.h"
#include "os/frame.h"
#include "os/stream.h"

#include <errno.h>

static int pair[2];
static struct hf_framer framer;

static int begin(void **state)
{
    hf_framer_init(&framer, HF_STREAM_REQUESTS);
    return fixture_begin(state) + hf_stream_pair(pair);
}

static int end(void **state)
{
    hf_fd_close_all(pair, 2);
    return fixture_end(state);
}

static void a_message_is_whole_with_its_last_piece_and_has_its_descriptor(void **state)
{
    struct hf_message message = hf_message_request(HF_REQUEST_SET_VRING_KICK);
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    enum hf_frame frame;

    (void)state;
    message.body.u64 = 3;
    message.fd_count = 1;
    message.fds[0] = pair[0];
    assert_int_equal(hf_message_encode(&message, bytes, sizeof(bytes)), 20);
    assert_int_equal(hf_stream_send(pair[0], bytes, 20, message.fds, 1), 20);
    assert_int_equal(hf_frame_receive(pair[1], &framer, &message, &frame), 12);
    assert_int_equal(frame, HF_FRAME_MORE);
    assert_int_equal(hf_frame_receive(pair[1], &framer, &message, &frame), 8);
    assert_int_equal(frame, HF_FRAME_MESSAGE);
    assert_int_equal(message.request, HF_REQUEST_SET_VRING_KICK);
    assert_int_equal(message.body.u64, 3);
    assert_int_equal(message.fd_count, 1);
    hf_fd_close_all(message.fds, message.fd_count);
}

static void more_descriptors_than_a_piece_may_have_are_a_fault_and_closed(void **state)
{
    int fds[HF_FRAMER_PIECE_FDS_MAX + 1];
    struct hf_message message;
    enum hf_frame frame;

    (void)state;
    for (unsigned i = 0; i <= HF_FRAMER_PIECE_FDS_MAX; i++)
        fds[i] = pair[0];
    unsigned before = count_fds();
    assert_int_equal(hf_stream_send(pair[0], "\5", 1, fds, HF_FRAMER_PIECE_FDS_MAX + 1), 1);
    assert_int_equal(hf_frame_receive(pair[1], &framer, &message, &frame), 1);
    assert_int_equal(frame, HF_FRAME_FAULT);
    assert_int_equal(framer.fault, HF_WIRE_FAULT_FDS_TOO_MANY);
    assert_int_equal(count_fds(), before);
}

static void where_nothing_comes_nothing_is_touched(void **state)
{
    struct hf_message message = { .request = 77 };
    enum hf_frame frame = HF_FRAME_COUNT;

    (void)state;
    assert_int_equal(hf_frame_receive(pair[1], &framer, &message, &frame), -EAGAIN);
    hf_fd_close(&pair[0]);
    assert_int_equal(hf_frame_receive(pair[1], &framer, &message, &frame), 0);
    assert_int_equal(frame, HF_FRAME_COUNT);
    assert_int_equal(message.request, 77);
    assert_true(hf_framer_between_messages(&framer));
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_message_is_whole_with_its_last_piece_and_has_its_descriptor),
        WITH_PAIR(more_descriptors_than_a_piece_may_have_are_a_fault_and_closed),
        WITH_PAIR(where_nothing_comes_nothing_is_touched),
    };

    return cmocka_run_group_tests_name("os/frame", tests, NULL, NULL);
}
