/* SPDX-License-Identifier: BSD-3-Clause */
/* Disk I/O, with both engines. */
#include "aio_rig.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void what_is_written_is_read_back(void **state)
{
    char out[] = "holdfast";
    char in[sizeof(out)] = { 0 };
    struct io write_io;
    struct io flush_io;
    struct io read_io;

    (void)state;
    submit(&write_io, HF_AIO_WRITE, out, sizeof(out), 5000);
    assert_int_equal(hf_aio_in_flight(aio), 1);
    run_down();
    assert_int_equal(write_io.result, sizeof(out));
    submit(&flush_io, HF_AIO_FLUSH, NULL, 0, 0);
    submit(&read_io, HF_AIO_READ, in, sizeof(in), 5000);
    run_down();
    assert_int_equal(flush_io.result, 0);
    assert_int_equal(flush_io.called, 1);
    assert_int_equal(read_io.result, sizeof(in));
    assert_string_equal(in, out);
}

static void scattered_memory_is_one_request(void **state)
{
    char out[] = "abcdef";
    char first[2];
    char second[4];
    struct iovec pieces[2] = { { first, 2 }, { second, 4 } };
    struct io io;

    (void)state;
    assert_int_equal(pwrite(file, out, 6, 100), 6);
    submit(&io, HF_AIO_READ, NULL, 0, 100);
    io.request.iov = pieces;
    io.request.iov_count = 2;
    run_down();
    assert_int_equal(io.result, 6);
    assert_memory_equal(first, "ab", 2);
    assert_memory_equal(second, "cdef", 4);
    submit(&io, HF_AIO_WRITE, NULL, 0, 200);
    io.request.iov = pieces;
    io.request.iov_count = 2;
    run_down();
    char back[6];
    assert_int_equal(pread(file, back, 6, 200), 6);
    assert_memory_equal(back, out, 6);
}

static void a_read_at_the_end_is_short_and_beyond_it_zero(void **state)
{
    char buffer[100];
    char other[100];
    struct io edge;
    struct io beyond;

    (void)state;
    submit(&edge, HF_AIO_READ, buffer, sizeof(buffer), (uint64_t)MANY * BLOCK - 10);
    submit(&beyond, HF_AIO_READ, other, sizeof(other), (uint64_t)MANY * BLOCK + 10);
    run_down();
    assert_int_equal(edge.result, 10);
    assert_int_equal(beyond.result, 0);
}

static void errors_arrive_in_done(void **state)
{
    char byte = 0;
    struct io bad_fd;
    struct io read_only;
    struct io too_many;
    HF_AUTO_FD int other = open(in_place("disk"), O_RDONLY | O_CLOEXEC);

    (void)state;
    submit(&bad_fd, HF_AIO_WRITE, &byte, 1, 0);
    bad_fd.request.fd = -1;
    submit(&read_only, HF_AIO_WRITE, &byte, 1, 0);
    read_only.request.fd = other;
    submit(&too_many, HF_AIO_READ, &byte, 1, 0);
    too_many.request.iov_count = 5000;
    run_down();
    assert_int_equal(bad_fd.result, -EBADF);
    assert_int_equal(read_only.result, -EBADF);
    assert_int_equal(too_many.result, -EINVAL);
}

/* Many times the depth of the ring: they queue, none is lost or done twice. */
static void more_requests_than_the_ring_holds_are_all_done_once(void **state)
{
    struct io *all = calloc(MANY, sizeof(*all));
    uint32_t *blocks = calloc(MANY, BLOCK);

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        blocks[i * (BLOCK / 4)] = i;
        submit(&all[i], HF_AIO_WRITE, &blocks[i * (BLOCK / 4)], BLOCK, (uint64_t)i * BLOCK);
    }
    assert_int_equal(hf_aio_in_flight(aio), MANY);
    run_down();
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t number = 0;
        assert_int_equal(all[i].called, 1);
        assert_int_equal(all[i].result, BLOCK);
        assert_int_equal(pread(file, &number, sizeof(number), (off_t)i * BLOCK), sizeof(number));
        assert_int_equal(number, i);
    }
    free(all);
    free(blocks);
}

static void one_wait_calls_a_bounded_number(void **state)
{
    const enum hf_aio_engine *engine = *state;
    const struct hf_aio_options options = { .engine = *engine, .depth = 2048 };
    struct io *all = calloc(MANY, sizeof(*all));
    static char bytes[MANY];
    int most = 0;

    hf_aio_free(aio);
    assert_int_equal(hf_aio_new(&aio, &options, NULL), 0);
    for (uint32_t i = 0; i < MANY; i++)
        submit(&all[i], HF_AIO_READ, &bytes[i], 1, (uint64_t)i * BLOCK);
    hf_aio_push(aio);
    sleep_ms(50);
    while (hf_aio_in_flight(aio) > 0) {
        int called = hf_aio_wait(aio, HF_CLOCK_NEVER);
        most = called > most ? called : most;
    }
    assert_in_range(most, 1, 300);
    free(all);
}

struct chain {
    struct io io;
    int left;
};

static void go_on(struct hf_aio_request *request, int32_t result)
{
    struct chain *chain = HF_CONTAINER(request, struct chain, io.request);

    assert_int_equal(result, 1);
    if (--chain->left > 0)
        hf_aio_submit(aio, request);
}

static void a_request_may_be_submitted_again_from_its_callback(void **state)
{
    char byte = 0;
    struct chain chain = { .left = 100 };

    (void)state;
    submit(&chain.io, HF_AIO_WRITE, &byte, 1, 0);
    chain.io.request.done = go_on;
    run_down();
    assert_int_equal(chain.left, 0);
}

static void direct_io_works(void **state)
{
    HF_AUTO_FD int direct = open(in_place("disk"), O_RDWR | O_DIRECT | O_CLOEXEC);
    char *out = aligned_alloc(BLOCK, BLOCK);
    char *in = aligned_alloc(BLOCK, BLOCK);
    struct io io;

    (void)state;
    memset(out, 'd', BLOCK);
    submit(&io, HF_AIO_WRITE, out, BLOCK, BLOCK * 3);
    io.request.fd = direct;
    run_down();
    assert_int_equal(io.result, BLOCK);
    submit(&io, HF_AIO_READ, in, BLOCK, BLOCK * 3);
    io.request.fd = direct;
    run_down();
    assert_int_equal(io.result, BLOCK);
    assert_memory_equal(in, out, BLOCK);
    free(out);
    free(in);
}

static void push_starts_the_io_without_waiting(void **state)
{
    char out = 'p';
    char in = 0;
    struct io io;
    uint64_t deadline_ns = in_ms(5000);

    (void)state;
    submit(&io, HF_AIO_WRITE, &out, 1, 7);
    hf_aio_push(aio);
    while (in != 'p' && hf_clock_ns() < deadline_ns)
        assert_int_equal(pread(file, &in, 1, 7), 1);
    assert_int_equal(in, 'p');
    assert_int_equal(io.called, 0);
    run_down();
    assert_int_equal(io.called, 1);
}

/* Freeing waits for the I/O: the memory is free to go afterwards. */
static void an_engine_freed_with_io_in_flight_waits_and_calls_nobody(void **state)
{
    const enum hf_aio_engine *engine = *state;
    const struct hf_aio_options options = { .engine = *engine };
    static char buffer[64][BLOCK];
    static struct io all[64];
    struct hf_aio *first = aio;

    assert_int_equal(hf_aio_new(&aio, &options, NULL), 0);
    for (unsigned i = 0; i < 64; i++)
        submit(&all[i], HF_AIO_READ, buffer[i], BLOCK, i * BLOCK);
    hf_aio_free(aio);
    aio = first;
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(all[i].called, 0);
}

int main(int word_count, char **words)
{
    static const struct CMUnitTest tests[] = {
        RIG_TEST(what_is_written_is_read_back),
        RIG_TEST(scattered_memory_is_one_request),
        RIG_TEST(a_read_at_the_end_is_short_and_beyond_it_zero),
        RIG_TEST(errors_arrive_in_done),
        RIG_TEST(more_requests_than_the_ring_holds_are_all_done_once),
        RIG_TEST(one_wait_calls_a_bounded_number),
        RIG_TEST(a_request_may_be_submitted_again_from_its_callback),
        RIG_TEST(direct_io_works),
        RIG_TEST(push_starts_the_io_without_waiting),
        RIG_TEST(an_engine_freed_with_io_in_flight_waits_and_calls_nobody),
    };

    (void)word_count;
    return rig_run(words, tests, sizeof(tests) / sizeof(tests[0]));
}
