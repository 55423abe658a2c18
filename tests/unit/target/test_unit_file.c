/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/target/unit_file.c: what is durable when. Every I/O that the file unit hands to the engine is
 * recorded (the linker puts this file between: --wrap=hf_aio_submit), with what the guest could see
 * at that moment.
 */
#include "rig.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define EVENTS 64

enum what {
    WRITE_BEGUN,
    WRITE_ENDED,
    FLUSH_BEGUN,
    FLUSH_ENDED,
    READ_BEGUN,
    READ_ENDED,
};

static struct {
    const struct hf_ring *ring;
    _Atomic(unsigned) count;
    enum what what[EVENTS];
    uint16_t published[EVENTS]; /* used index then: answers the guest could have seen */
    int32_t flush_result;       /* != 0: what the flush is made to come back with */
    unsigned short_by;          /* bytes that each move is made shorter by */
} record;

struct recorded {
    struct hf_aio_request request;
    struct hf_aio_request *original;
    struct iovec first;
};

void __real_hf_aio_submit(struct hf_aio *aio, struct hf_aio_request *request);
void __wrap_hf_aio_submit(struct hf_aio *aio, struct hf_aio_request *request);

static void note(enum what what)
{
    unsigned count = atomic_load(&record.count);

    if (count == EVENTS)
        return;
    record.what[count] = what;
    record.published[count] = hf_ring_used_index(record.ring);
    atomic_store(&record.count, count + 1);
}

static enum what begun(enum hf_aio_op op)
{
    return op == HF_AIO_FLUSH ? FLUSH_BEGUN : op == HF_AIO_WRITE ? WRITE_BEGUN : READ_BEGUN;
}

static void done(struct hf_aio_request *request, int32_t result)
{
    struct recorded *recorded = HF_CONTAINER(request, struct recorded, request);
    struct hf_aio_request *original = recorded->original;

    note((enum what)(begun(request->op) + 1));
    if (request->op == HF_AIO_FLUSH && record.flush_result)
        result = record.flush_result;
    free(recorded);
    original->done(original, result);
}

void __wrap_hf_aio_submit(struct hf_aio *aio, struct hf_aio_request *request)
{
    struct recorded *recorded = calloc(1, sizeof(*recorded));

    recorded->request = *request;
    recorded->request.done = done;
    recorded->original = request;
    if (record.short_by && request->op != HF_AIO_FLUSH &&
        request->iov[0].iov_len > record.short_by) {
        recorded->first = request->iov[0];
        recorded->first.iov_len = record.short_by;
        recorded->request.iov = &recorded->first;
        recorded->request.iov_count = 1;
    }
    note(begun(request->op));
    __real_hf_aio_submit(aio, &recorded->request);
}

/* ---- tests ---- */

struct disk {
    struct rig rig;
    char path[64];
};

static void open_disk(struct disk *disk, const char *options)
{
    char words[128];

    scratch_make(disk->path, sizeof(disk->path), 1u << 20);
    snprintf(words, sizeof(words), "%s%s", disk->path, options);
    rig_make(&disk->rig, words, 1);
    memset(&record, 0, sizeof(record));
    record.ring = &disk->rig.rings[2].ring;
    rig_start_all(&disk->rig, 3);
}

static void close_disk(struct disk *disk)
{
    rig_done(&disk->rig);
    unlink(disk->path);
}

static void assert_events(const enum what *want, unsigned count)
{
    assert_int_equal(atomic_load(&record.count), count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(record.what[i], want[i]);
}

static void write_then_flush_then_good(const char *options, bool fua)
{
    static const enum what want[] = { WRITE_BEGUN, WRITE_ENDED, FLUSH_BEGUN, FLUSH_ENDED };
    struct disk disk;
    struct rig_command command = rig_write(8, 8, fua);
    struct rig_call call;

    open_disk(&disk, options);
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    assert_events(want, 4);
    assert_int_equal(record.published[3], 0); /* no GOOD before the end of fdatasync */
    close_disk(&disk);
}

static void a_good_fua_write_comes_after_fdatasync(void **state)
{
    (void)state;
    write_then_flush_then_good("", true);
    write_then_flush_then_good(",cache=none,block-size=512", true);
}

static void writethrough_makes_every_write_durable(void **state)
{
    (void)state;
    write_then_flush_then_good(",cache=writethrough", false);
}

static void a_plain_write_is_not_flushed(void **state)
{
    static const enum what want[] = { WRITE_BEGUN, WRITE_ENDED };
    struct disk disk;
    struct rig_command command = rig_write(8, 8, false);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    assert_events(want, 2);
    close_disk(&disk);
}

static void a_good_flush_comes_after_fdatasync_of_what_was_completed(void **state)
{
    static const enum what want[] = { WRITE_BEGUN, WRITE_ENDED, FLUSH_BEGUN, FLUSH_ENDED };
    struct disk disk;
    struct rig_command write = rig_write(8, 8, false);
    struct rig_command flush = rig_flush();
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    rig_run(&disk.rig, &call, &write);
    rig_run(&disk.rig, &call, &flush);
    rig_assert_good(&call);
    assert_events(want, 4);
    assert_int_equal(record.published[2], 1); /* the write was answered, the flush not */
    assert_int_equal(record.published[3], 1);
    close_disk(&disk);
}

static void a_read_with_fua_flushes_first(void **state)
{
    static const enum what want[] = { FLUSH_BEGUN, FLUSH_ENDED, READ_BEGUN, READ_ENDED };
    struct disk disk;
    struct rig_command command = rig_read(8, 8);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    command.cdb[1] |= 0x08;
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    assert_events(want, 4);
    close_disk(&disk);
}

static void a_failed_fdatasync_is_never_good(void **state)
{
    struct disk disk;
    struct rig_command commands[2] = { rig_write(8, 8, true), rig_flush() };
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    record.flush_result = -EIO;
    for (unsigned i = 0; i < 2; i++) {
        rig_run(&disk.rig, &call, &commands[i]);
        assert_int_equal(call.response.response, HF_VSCSI_OK);
        assert_int_equal(call.response.status, HF_STATUS_CHECK_CONDITION);
    }
    close_disk(&disk);
}

static void short_moves_are_continued(void **state)
{
    struct disk disk;
    struct rig_command write = rig_write(8, 8, false);
    struct rig_command read = rig_read(8, 8);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    record.short_by = 1000;
    pattern_fill(rig_data(&disk.rig, 0, &write), 4096, 9);
    rig_run(&disk.rig, &call, &write);
    rig_assert_good(&call);
    assert_int_equal(atomic_load(&record.count), 10); /* 5 moves */
    memset(rig_data(&disk.rig, 0, &read), 0, 4096);
    rig_run(&disk.rig, &call, &read);
    rig_assert_good(&call);
    assert_int_equal(call.response.resid, 0);
    pattern_assert(rig_data(&disk.rig, 0, &read), 4096, 9);
    close_disk(&disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_fua_write_comes_after_fdatasync),
        cmocka_unit_test(writethrough_makes_every_write_durable),
        cmocka_unit_test(a_plain_write_is_not_flushed),
        cmocka_unit_test(a_good_flush_comes_after_fdatasync_of_what_was_completed),
        cmocka_unit_test(a_read_with_fua_flushes_first),
        cmocka_unit_test(a_failed_fdatasync_is_never_good),
        cmocka_unit_test(short_moves_are_continued),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
