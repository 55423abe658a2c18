/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine and a file for each test. */
#include "aio_rig.h"

#include "os/clock.h"
#include "os/fd.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TESTS_MAX 32

struct hf_aio *aio;
int file = -1;

int rig_begin(void **state)
{
    const enum hf_aio_engine *engine = *state;
    const struct hf_aio_options options = { .engine = *engine, .depth = 64, .thread_count = 3 };

    alarm(30);
    fixture_begin(state);
    assert_int_equal(hf_aio_new(&aio, &options, NULL), 0);
    file = open(in_place("disk"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(file, (off_t)MANY * BLOCK), 0);
    return 0;
}

int rig_end(void **state)
{
    hf_aio_free(aio);
    hf_fd_close(&file);
    alarm(0);
    return fixture_end(state);
}

uint64_t in_ms(uint64_t ms)
{
    return hf_clock_ns() + ms * HF_NS_PER_MS;
}

void note(struct hf_aio_request *request, int32_t result)
{
    struct io *io = HF_CONTAINER(request, struct io, request);

    io->result = result;
    io->called++;
}

void submit(struct io *io, enum hf_aio_op op, void *buffer, size_t size, uint64_t offset)
{
    *io = (struct io){ .iov = { .iov_base = buffer, .iov_len = size } };
    io->request = (struct hf_aio_request){
        .op = op, .fd = file, .iov = &io->iov, .iov_count = 1, .offset = offset, .done = note
    };
    hf_aio_submit(aio, &io->request);
}

void run_down(void)
{
    while (hf_aio_in_flight(aio) > 0)
        assert_true(hf_aio_wait(aio, HF_CLOCK_NEVER) >= 0);
}

void go_round(void)
{
    for (int i = 0; i < 5; i++)
        assert_true(hf_aio_wait(aio, in_ms(5)) >= 0);
}

static int run_with(enum hf_aio_engine engine, const char *name, const struct CMUnitTest *tests,
                    size_t test_count)
{
    struct CMUnitTest copies[TESTS_MAX];

    assert_true(test_count <= TESTS_MAX);
    for (size_t i = 0; i < test_count; i++) {
        copies[i] = tests[i];
        copies[i].initial_state = &engine;
    }
    return _cmocka_run_group_tests(name, copies, test_count, NULL, NULL);
}

static bool is_uring_refused(void)
{
    const struct hf_aio_options options = { .engine = HF_AIO_ENGINE_URING };
    struct hf_error error = { 0 };
    struct hf_aio *probe;

    if (hf_aio_new(&probe, &options, &error) < 0) {
        print_message("io_uring tests skipped: %s\n", error.text);
        return true;
    }
    hf_aio_free(probe);
    return false;
}

int rig_run(char **words, const struct CMUnitTest *tests, size_t test_count)
{
    if (words[1] != NULL && strcmp(words[1], "threads") == 0)
        return run_with(HF_AIO_ENGINE_THREADS, "threads", tests, test_count);
    if (is_uring_refused())
        return 77;
    return run_with(HF_AIO_ENGINE_URING, "io_uring", tests, test_count);
}
