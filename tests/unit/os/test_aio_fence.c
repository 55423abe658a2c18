/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What CONTRACT §1 stands on: the lock taken on the fd of the I/O outlives SIGKILL for as long as
 * I/O is in flight, and after the lock is free no byte lands any more. And the choice of engine
 * where io_uring is refused.
 */
#include "fixture.h"

#include "os/aio.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH  256u
#define BLOCK  65536u
#define ROUNDS 5

static char disk[512];
static enum hf_aio_engine engine;
static struct hf_aio *aio;

struct writer {
    struct hf_aio_request request;
    struct iovec iov;
};

static void write_again(struct hf_aio_request *request, int32_t result)
{
    struct writer *writer = HF_CONTAINER(request, struct writer, request);

    if (result < 0)
        _exit(1);
    /* Another value in each block, so that any late write shows. */
    ((uint32_t *)writer->iov.iov_base)[0]++;
    hf_aio_submit(aio, request);
}

static void write_for_ever(int ready_fd)
{
    const struct hf_aio_options options = { .engine = engine, .depth = DEPTH };
    struct writer *writers = calloc(DEPTH, sizeof(*writers));
    char *memory = aligned_alloc(4096, (size_t)DEPTH * BLOCK);
    int fd = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);

    if (fd < 0 || hf_lock_try(fd, HF_LOCK_WRITE) < 0 || hf_aio_new(&aio, &options, NULL) < 0)
        _exit(1);
    memset(memory, 0, (size_t)DEPTH * BLOCK);
    for (unsigned i = 0; i < DEPTH; i++) {
        writers[i].iov = (struct iovec){ memory + (size_t)i * BLOCK, BLOCK };
        writers[i].request = (struct hf_aio_request){ .op = HF_AIO_WRITE,
                                                      .fd = fd,
                                                      .iov = &writers[i].iov,
                                                      .iov_count = 1,
                                                      .offset = (uint64_t)i * BLOCK,
                                                      .done = write_again };
        hf_aio_submit(aio, &writers[i].request);
    }
    hf_aio_push(aio);
    if (write(ready_fd, "r", 1) != 1)
        _exit(1);
    for (;;)
        hf_aio_wait(aio, HF_CLOCK_NEVER);
}

static uint64_t wait_for_lock(int fd)
{
    uint64_t start_ns = hf_clock_ns();

    while (hf_lock_try(fd, HF_LOCK_WRITE) < 0)
        assert_true(hf_clock_ns() - start_ns < 20 * HF_NS_PER_S);
    return hf_clock_ns() - start_ns;
}

/* The first words of all blocks, past the page cache. */
static void read_marks(int fd, uint32_t *marks)
{
    char *block = aligned_alloc(4096, 4096);

    for (unsigned i = 0; i < DEPTH; i++) {
        assert_int_equal(pread(fd, block, 4096, (off_t)i * BLOCK), 4096);
        memcpy(&marks[i], block, sizeof(marks[i]));
    }
    free(block);
}

/* Returns how long the lock outlived the kill. */
static uint64_t kill_one(void)
{
    uint32_t at_lock[DEPTH];
    uint32_t later[DEPTH];
    HF_AUTO_FD int fd = open(disk, O_RDWR | O_DIRECT | O_CLOEXEC);
    pid_t pid = start_child(write_for_ever);

    sleep_ms(30);
    assert_int_equal(hf_lock_try(fd, HF_LOCK_WRITE), -EAGAIN);
    assert_int_equal(kill(pid, SIGKILL), 0);
    uint64_t held_ns = wait_for_lock(fd);
    read_marks(fd, at_lock);
    sleep_ms(100);
    read_marks(fd, later);
    assert_memory_equal(at_lock, later, sizeof(later));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return held_ns;
}

static void no_write_lands_after_the_lock_of_a_killed_writer_is_free(void **state)
{
    int fd = open(in_place("disk"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    engine = *(const enum hf_aio_engine *)*state;
    strcpy(disk, in_place("disk"));
    assert_int_equal(posix_fallocate(fd, 0, (off_t)DEPTH * BLOCK), 0);
    hf_fd_close(&fd);
    for (int i = 0; i < ROUNDS; i++)
        print_message("kill to lock: %llu us\n", (unsigned long long)(kill_one() / HF_NS_PER_US));
}

/* As container runtimes do it. */
static void refuse_io_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(2);
}

/* Exit codes: which of the statements is not so. */
static int try_without_io_uring(void)
{
    const struct hf_aio_options best = { .engine = HF_AIO_ENGINE_BEST };
    const struct hf_aio_options only = { .engine = HF_AIO_ENGINE_URING };
    struct hf_error error = { 0 };
    struct hf_aio *made;

    refuse_io_uring();
    if (hf_aio_new(&made, &only, &error) != -EPERM || made != NULL)
        return 3;
    if (strstr(error.text, "io_uring is refused: Operation not permitted") == NULL)
        return 4;
    if (hf_aio_new(&made, &best, NULL) != 0 || strcmp(hf_aio_name(made), "threads") != 0)
        return 5;
    if (strstr(hf_aio_fallback_reason(made), "io_uring is refused") == NULL)
        return 6;
    hf_aio_free(made);
    return 0;
}

static void where_io_uring_is_refused_threads_serve_and_say_why(void **state)
{
    int status = 0;

    (void)state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(try_without_io_uring());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    static enum hf_aio_engine best = HF_AIO_ENGINE_BEST;
    static enum hf_aio_engine threads = HF_AIO_ENGINE_THREADS;
    const struct CMUnitTest tests[] = {
        { "no_write_lands_after_the_lock_of_a_killed_writer_is_free: best engine",
          no_write_lands_after_the_lock_of_a_killed_writer_is_free, fixture_begin, fixture_end,
          &best },
        { "no_write_lands_after_the_lock_of_a_killed_writer_is_free: threads",
          no_write_lands_after_the_lock_of_a_killed_writer_is_free, fixture_begin, fixture_end,
          &threads },
        TIDY(where_io_uring_is_refused_threads_serve_and_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
