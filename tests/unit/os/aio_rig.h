/* SPDX-License-Identifier: BSD-3-Clause */
/* An engine and a file for each test, and the same tests for both engines. */
#ifndef HF_TESTS_OS_AIO_RIG_H
#define HF_TESTS_OS_AIO_RIG_H

#include "fixture.h"

#include "os/aio.h"

#define BLOCK 4096u
#define MANY  1000u /* blocks in the file */

struct io {
    struct hf_aio_request request;
    struct iovec iov;
    int32_t result;
    int called;
};

extern struct hf_aio *aio;
extern int file;

/* *state is the engine's enum. */
int rig_begin(void **state);
int rig_end(void **state);

uint64_t in_ms(uint64_t ms);
/* One piece of memory; into `io->result`. */
void submit(struct io *io, enum hf_aio_op op, void *buffer, size_t size, uint64_t offset);
void note(struct hf_aio_request *request, int32_t result);
void run_down(void);
/* A few short waits: as a worker goes round. */
void go_round(void);

/* words[1]: "uring" or "threads". Returns what main returns; 77 (meson: skipped) where io_uring is
 * refused. */
int rig_run(char **words, const struct CMUnitTest *tests, size_t test_count);

#define RIG_TEST(test)                                                                             \
    {                                                                                              \
#test, test, rig_begin, rig_end, NULL                                                      \
    }

#endif
