/* SPDX-License-Identifier: BSD-3-Clause */
/* How a connection ends: by the peer, by bytes that are no message, or for want of descriptors. */
#include "../cmocka_all.h"

#include "base/check.h"
#include "frontend/channel.h"
#include "os/fd.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct bench {
    struct hf_loop loop;
    struct hf_channel channel;
    struct hf_channel_ops ops;
    char path[108];
    int listener;
    int peer;
    unsigned sent;
    unsigned received;
    unsigned waiting;
    unsigned broken;
    enum hf_fault fault;
    const char *why;
};

static void note_sent(void *host)
{
    ((struct bench *)host)->sent++;
}

static void note_received(void *host, const struct hf_message *message)
{
    hf_fd_close_all((int *)message->fds, message->fd_count);
    ((struct bench *)host)->received++;
}

static void note_waiting(void *host)
{
    ((struct bench *)host)->waiting++;
}

static void note_broken(void *host, enum hf_fault fault, const char *why)
{
    struct bench *bench = host;

    bench->broken++;
    bench->fault = fault;
    bench->why = why;
}

static int begin(void **state)
{
    static struct bench bench;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct hf_error error = { 0 };

    bench = (struct bench){ .ops = { .host = &bench,
                                     .sent = note_sent,
                                     .received = note_received,
                                     .waiting = note_waiting,
                                     .broken = note_broken } };
    const char *tmp = getenv("TMPDIR");
    snprintf(bench.path, sizeof(bench.path), "%s/holdfast-channel-%d", tmp ? tmp : "/tmp",
             getpid());
    strcpy(address.sun_path, bench.path);
    unlink(bench.path);
    bench.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bench.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(bench.listener, 1), 0);
    assert_int_equal(hf_loop_init(&bench.loop), 0);
    hf_channel_init(&bench.channel, HF_STREAM_REPLIES, &bench.loop, &bench.ops);
    assert_int_equal(hf_channel_open(&bench.channel, bench.path, &error), 0);
    bench.peer = accept(bench.listener, NULL, NULL);
    assert_true(bench.peer >= 0);
    *state = &bench;
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;

    hf_channel_close(&bench->channel);
    hf_channel_close(&bench->channel);
    hf_loop_done(&bench->loop);
    if (bench->peer >= 0)
        close(bench->peer);
    close(bench->listener);
    unlink(bench->path);
    return 0;
}

/* Bytes, with so many descriptors (of the socket itself). */
static void say(struct bench *bench, const void *bytes, size_t length, unsigned fd_count)
{
    int fds[40];
    char control[CMSG_SPACE(sizeof(fds))] = { 0 };
    struct iovec piece = { .iov_base = (void *)bytes, .iov_len = length };
    struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };

    for (unsigned i = 0; i < fd_count; i++)
        fds[i] = bench->peer;
    if (fd_count > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        *part = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fd_count * sizeof(int)),
                                  .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(part), fds, fd_count * sizeof(int));
    }
    assert_int_equal(sendmsg(bench->peer, &header, 0), (ssize_t)length);
    assert_true(hf_loop_dispatch(&bench->loop, 10000) > 0);
}

static void a_whole_message_is_heard(void **state)
{
    struct bench *bench = *state;
    static const uint8_t reply[20] = { 1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 42 };

    say(bench, reply, 5, 0);
    assert_int_equal(bench->received, 0);
    say(bench, reply + 5, sizeof(reply) - 5, 0);
    assert_int_equal(bench->received, 1);
    assert_int_equal(bench->broken, 0);
}

static void what_is_awaited_is_told_once_and_read_later(void **state)
{
    struct bench *bench = *state;
    static const uint8_t reply[20] = { 1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 42 };

    hf_channel_set_mode(&bench->channel, HF_CHANNEL_AWAITS);
    assert_int_equal(hf_loop_dispatch(&bench->loop, 0), 0);
    say(bench, reply, sizeof(reply), 0);
    assert_int_equal(bench->waiting, 1);
    assert_int_equal(hf_loop_dispatch(&bench->loop, 0), 0);
    assert_int_equal(bench->waiting, 1);
    assert_int_equal(bench->received, 0);
    hf_channel_set_mode(&bench->channel, HF_CHANNEL_READS);
    assert_true(hf_loop_dispatch(&bench->loop, 10000) > 0);
    assert_int_equal(bench->received, 1);
}

static void the_end_of_a_peer_that_is_awaited_is_a_hang_up(void **state)
{
    struct bench *bench = *state;

    hf_channel_set_mode(&bench->channel, HF_CHANNEL_AWAITS);
    close(bench->peer);
    bench->peer = -1;
    assert_true(hf_loop_dispatch(&bench->loop, 10000) > 0);
    assert_int_equal(bench->waiting, 0);
    assert_int_equal(bench->broken, 1);
}

static void the_end_of_the_stream_is_a_hang_up(void **state)
{
    struct bench *bench = *state;

    close(bench->peer);
    bench->peer = -1;
    assert_true(hf_loop_dispatch(&bench->loop, 10000) > 0);
    assert_int_equal(bench->fault, HF_FAULT_HANGUP);
    assert_string_equal(bench->why, "end of file");
    assert_int_equal(bench->broken, 1);
}

static void bytes_that_are_no_reply_are_malformed(void **state)
{
    struct bench *bench = *state;
    static const uint8_t request[12] = { 1, 0, 0, 0, 1, 0, 0, 0 };

    say(bench, request, sizeof(request), 0);
    assert_int_equal(bench->fault, HF_FAULT_MALFORMED);
    assert_string_equal(bench->why, hf_wire_fault_text(HF_WIRE_FAULT_NOT_A_REPLY));
    assert_int_equal(bench->broken, 1);
}

static void more_descriptors_than_any_message_has_are_malformed_and_closed(void **state)
{
    struct bench *bench = *state;
    int before = dup(bench->peer);

    close(before);
    say(bench, "\1", 1, 40);
    assert_int_equal(bench->fault, HF_FAULT_MALFORMED);
    assert_int_equal(bench->broken, 1);
    int after = dup(bench->peer);
    assert_int_equal(after, before);
    close(after);
}

/* The table of this process is full: the message cannot hold its descriptor until it leaves. */
static void a_full_table_of_descriptors_is_our_own_fault(void **state)
{
    struct bench *bench = *state;
    struct hf_message kick = hf_message_request(HF_REQUEST_SET_VRING_KICK);
    struct rlimit limit;
    struct rlimit none;

    kick.fd_count = 1;
    kick.fds[0] = bench->peer;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    hf_channel_send(&bench->channel, &kick);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(bench->fault, HF_FAULT_LOCAL);
    assert_int_equal(bench->broken, 1);
    assert_int_equal(bench->sent, 0);
}

static int count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* The peer does not read: the message, and its own copy of the descriptor, wait. */
static void what_was_not_sent_is_closed_with_the_connection(void **state)
{
    struct bench *bench = *state;
    struct hf_message kick = hf_message_request(HF_REQUEST_SET_VRING_KICK);
    int before = count_fds();
    int of_channel = 1 + (bench->channel.pidfd >= 0);

    while (send(bench->channel.fd, bench->path, sizeof(bench->path), MSG_DONTWAIT) > 0)
        ;
    kick.fd_count = 1;
    kick.fds[0] = bench->peer;
    hf_channel_send(&bench->channel, &kick);
    assert_int_equal(bench->sent, 0);
    assert_int_equal(bench->broken, 0);
    assert_int_equal(count_fds(), before + 1);
    hf_channel_close(&bench->channel);
    assert_int_equal(count_fds(), before - of_channel);
}

/* Not from within the call that sends, and only when all is heard that the peer had answered. */
static void a_message_that_cannot_be_sent_is_the_end_after_the_last_answer(void **state)
{
    struct bench *bench = *state;
    struct hf_message owner = hf_message_request(HF_REQUEST_SET_OWNER);
    static const uint8_t reply[20] = { 1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 42 };

    assert_int_equal(send(bench->peer, reply, sizeof(reply), 0), sizeof(reply));
    close(bench->peer);
    bench->peer = -1;
    hf_channel_send(&bench->channel, &owner);
    assert_int_equal(bench->sent, 0);
    assert_int_equal(bench->broken, 0);
    assert_true(hf_loop_dispatch(&bench->loop, 10000) > 0);
    assert_int_equal(bench->received, 1);
    assert_int_equal(bench->broken, 1);
    assert_int_equal(bench->fault, HF_FAULT_HANGUP);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(a_whole_message_is_heard),
        WITH_BENCH(what_is_awaited_is_told_once_and_read_later),
        WITH_BENCH(the_end_of_a_peer_that_is_awaited_is_a_hang_up),
        WITH_BENCH(the_end_of_the_stream_is_a_hang_up),
        WITH_BENCH(bytes_that_are_no_reply_are_malformed),
        WITH_BENCH(more_descriptors_than_any_message_has_are_malformed_and_closed),
        WITH_BENCH(a_full_table_of_descriptors_is_our_own_fault),
        WITH_BENCH(what_was_not_sent_is_closed_with_the_connection),
        WITH_BENCH(a_message_that_cannot_be_sent_is_the_end_after_the_last_answer),
    };

    return cmocka_run_group_tests_name("frontend/channel", tests, NULL, NULL);
}
