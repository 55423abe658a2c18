/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/request.c: what a guest asks and what it gets. */
#include "rig.h"

#include <unistd.h>

#include "scsi/opcode.h"
#include "scsi/sense.h"

struct disk {
    struct rig rig;
    char path[64];
    char words[128];
};

static void open_disk(struct disk *disk, const char *options)
{
    scratch_make(disk->path, sizeof(disk->path), 1u << 20);
    snprintf(disk->words, sizeof(disk->words), "%s%s", disk->path, options);
    rig_serve(&disk->rig, disk->words, 1, 3);
}

static void close_disk(struct disk *disk)
{
    rig_done(&disk->rig);
    unlink(disk->path);
}

static void an_inquiry_is_answered(void **state)
{
    struct disk disk;
    struct rig_command command = rig_inquiry();
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    uint8_t *data = rig_data(&disk.rig, 0, &command);
    assert_int_equal(data[0], 0);
    assert_memory_equal(data + 8, "HOLDFAST", 8);
    assert_int_equal(call.length, HF_VSCSI_RESPONSE_SIZE_BYTES + 96 - call.response.resid);
    close_disk(&disk);
}

static void what_is_written_is_read_back_and_in_the_file(void **state)
{
    struct disk disk;
    struct rig_command write = rig_write(100, 16, false);
    struct rig_command read = rig_read(100, 16);
    struct rig_call call;
    uint8_t file[8192];

    (void)state;
    open_disk(&disk, "");
    pattern_fill(rig_data(&disk.rig, 0, &write), 8192, 1);
    rig_run(&disk.rig, &call, &write);
    rig_assert_good(&call);
    assert_int_equal(call.length, HF_VSCSI_RESPONSE_SIZE_BYTES);
    assert_int_equal(call.response.resid, 0);
    memset(rig_data(&disk.rig, 0, &read), 0, 8192);
    rig_run(&disk.rig, &call, &read);
    rig_assert_good(&call);
    assert_int_equal(call.length, HF_VSCSI_RESPONSE_SIZE_BYTES + 8192);
    pattern_assert(rig_data(&disk.rig, 0, &read), 8192, 1);
    scratch_read(disk.path, 51200, file, sizeof(file));
    pattern_assert(file, sizeof(file), 1);
    close_disk(&disk);
}

static void a_header_in_tiny_pieces_is_the_same_header(void **state)
{
    static const uint32_t sizes[] = { 5, 7, 19, 50 };
    struct disk disk;
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    for (unsigned i = 0; i < 4; i++) {
        struct rig_command write = rig_write(i, 1, false);
        struct rig_command read = rig_read(i, 1);

        write.header_piece = sizes[i];
        read.header_piece = sizes[i];
        pattern_fill(rig_data(&disk.rig, 0, &write), 512, i);
        rig_run(&disk.rig, &call, &write);
        rig_assert_good(&call);
        memset(rig_data(&disk.rig, 0, &read), 0, 512);
        rig_run(&disk.rig, &call, &read);
        rig_assert_good(&call);
        pattern_assert(rig_data(&disk.rig, 0, &read), 512, i);
    }
    close_disk(&disk);
}

static void direct_io_bounces_what_is_not_aligned(void **state)
{
    static const uint32_t offsets[] = { 0, 1, 511, 512, 2048 };
    struct disk disk;
    struct rig_call call;

    (void)state;
    open_disk(&disk, ",cache=none,block-size=4096");
    for (unsigned i = 0; i < 5; i++) {
        struct rig_command write = rig_write(i * 8, 8, false);
        struct rig_command read = rig_read(i * 8, 8);

        write.data_out = read.data_in = 32768;
        write.data_offset = read.data_offset = offsets[i];
        pattern_fill(rig_data(&disk.rig, 0, &write), 32768, i);
        rig_run(&disk.rig, &call, &write);
        rig_assert_good(&call);
        memset(rig_data(&disk.rig, 0, &read), 0, 32768);
        rig_run(&disk.rig, &call, &read);
        rig_assert_good(&call);
        pattern_assert(rig_data(&disk.rig, 0, &read), 32768, i);
    }
    close_disk(&disk);
}

static void many_unaligned_direct_writes_wait_for_bounce_buffers(void **state)
{
    struct disk disk;
    struct rig_call calls[24];

    (void)state;
    open_disk(&disk, ",cache=none,block-size=4096");
    for (unsigned i = 0; i < 24; i++) {
        struct rig_command write = rig_write(i, 1, false);

        write.data_out = 4096;
        write.data_offset = 3;
        pattern_fill(rig_data(&disk.rig, i, &write), 4096, i);
        rig_add(&disk.rig, 2, &calls[i], i, &write);
        if (i % 12 == 11)
            rig_kick(&disk.rig, 2);
    }
    for (unsigned i = 0; i < 24; i++) {
        uint8_t file[4096];

        rig_wait(&disk.rig, &calls[i]);
        rig_assert_good(&calls[i]);
        scratch_read(disk.path, i * 4096, file, sizeof(file));
        pattern_assert(file, sizeof(file), i);
    }
    close_disk(&disk);
}

static void a_missing_target_is_a_bad_target_and_a_missing_lun_is_not(void **state)
{
    struct disk disk;
    struct rig_command command = rig_inquiry();
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    command.target = 1;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_BAD_TARGET);
    command.target = 0;
    command.lun = 1;
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    assert_int_equal(rig_data(&disk.rig, 0, &command)[0], 0x7f);
    command = rig_read(0, 1);
    command.lun = 1;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(call.response.sense[12], 0x25);
    close_disk(&disk);
}

static void more_than_the_buffers_hold_is_an_overrun(void **state)
{
    struct disk disk;
    struct rig_command command = rig_read(0, 2);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    command.data_in = 512;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_OVERRUN);
    assert_int_equal(call.response.resid, 512);
    assert_int_equal(call.length, HF_VSCSI_RESPONSE_SIZE_BYTES);
    command = rig_write(0, 2, false);
    command.data_out = 1000;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_OVERRUN);
    command = rig_write(0, 1, false);
    command.data_out = 0;
    command.data_in = 512;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_OVERRUN);
    close_disk(&disk);
}

static void both_directions_at_once_fail(void **state)
{
    struct disk disk;
    struct rig_command command = rig_read(0, 1);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    command.data_out = 512;
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_FAILURE);
    close_disk(&disk);
}

static void a_longer_buffer_leaves_a_residue(void **state)
{
    struct disk disk;
    struct rig_command command = rig_read(7, 1);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    command.data_in = 1536;
    memset(rig_data(&disk.rig, 0, &command), 0xaa, 1536);
    rig_run(&disk.rig, &call, &command);
    rig_assert_good(&call);
    assert_int_equal(call.response.resid, 1024);
    assert_int_equal(call.length, HF_VSCSI_RESPONSE_SIZE_BYTES + 512);
    assert_int_equal(rig_data(&disk.rig, 0, &command)[511], 0);
    assert_int_equal(rig_data(&disk.rig, 0, &command)[512], 0xaa);
    close_disk(&disk);
}

static void a_read_only_unit_refuses_to_be_written(void **state)
{
    struct disk disk;
    struct rig_command command = rig_write(0, 1, false);
    struct rig_call call;

    (void)state;
    open_disk(&disk, ",ro");
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.response, HF_VSCSI_OK);
    assert_int_equal(call.response.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(call.response.sense_length, HF_SENSE_FIXED_SIZE_BYTES);
    assert_int_equal(call.response.sense[2] & 15, HF_SENSE_KEY_DATA_PROTECT);
    close_disk(&disk);
}

static void a_failing_disk_gives_sense_and_a_truncated_file_too(void **state)
{
    struct disk disk;
    struct rig_command command = rig_read(2000, 8);
    struct rig_call call;

    (void)state;
    open_disk(&disk, "");
    assert_int_equal(truncate(disk.path, 2002 * 512), 0);
    rig_run(&disk.rig, &call, &command);
    assert_int_equal(call.response.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(call.response.sense[2] & 15, HF_SENSE_KEY_MEDIUM_ERROR);
    close_disk(&disk);
}

static void mem_keeps_what_null_forgets(void **state)
{
    static const char *const words[] = { "mem:1M", "null:1T", NULL };
    struct rig rig;
    struct rig_call call;

    (void)state;
    rig_init(&rig, false);
    rig_open(&rig, words, 1);
    rig_start_all(&rig, 3);
    for (uint8_t target = 0; target < 2; target++) {
        struct rig_command write = rig_write(9, 4, true);
        struct rig_command read = rig_read(9, 4);

        write.target = read.target = target;
        pattern_fill(rig_data(&rig, 0, &write), 2048, 5);
        rig_run(&rig, &call, &write);
        rig_assert_good(&call);
        memset(rig_data(&rig, 0, &write), 0xbb, 2048);
        rig_run(&rig, &call, &read);
        rig_assert_good(&call);
        if (target == 0)
            pattern_assert(rig_data(&rig, 0, &read), 2048, 5);
        else
            assert_int_equal(rig_data(&rig, 0, &read)[2047], 0);
    }
    rig_done(&rig);
}

static void mark_first(struct rig *rig, unsigned index)
{
    struct hf_inflight_queue inflight;

    assert_int_equal(hf_inflight_region_queue(&rig->region, (uint16_t)index, RIG_SIZE, &inflight),
                     HF_INFLIGHT_FAULT_NONE);
    inflight.header->version = HF_INFLIGHT_VERSION;
    inflight.header->desc_num = RIG_SIZE;
    hf_inflight_mark(&inflight, rig->rings[index].ring.avail->ring[0], 1);
}

/* It may have run; the guest is told that it lost touch, and asks again if it must. */
static void what_may_not_run_twice_is_not_run_again(void **state)
{
    struct rig rig;
    struct rig_call calls[2];
    struct rig_command start_unit = { .cdb = { HF_OP_START_STOP_UNIT, [4] = 1 } };
    struct rig_answer answer;

    (void)state;
    rig_make(&rig, "mem:1M", 1);
    for (unsigned i = 0; i < 2; i++)
        rig_add(&rig, 2, &calls[i], i, &start_unit);
    hf_ring_driver_publish(&rig.rings[2].driver);
    mark_first(&rig, 2); /* the second is new */
    rig_start(&rig, 2, true, &answer);
    rig_wait(&rig, &calls[0]);
    rig_wait(&rig, &calls[1]);
    assert_int_equal(calls[0].response.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(calls[0].response.sense[2] & 15, HF_SENSE_KEY_UNIT_ATTENTION);
    assert_int_equal(calls[0].response.sense[12] << 8 | calls[0].response.sense[13], 0x2907);
    rig_assert_good(&calls[1]);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_not_run_twice_is_not_run_again),
        cmocka_unit_test(an_inquiry_is_answered),
        cmocka_unit_test(what_is_written_is_read_back_and_in_the_file),
        cmocka_unit_test(a_header_in_tiny_pieces_is_the_same_header),
        cmocka_unit_test(direct_io_bounces_what_is_not_aligned),
        cmocka_unit_test(many_unaligned_direct_writes_wait_for_bounce_buffers),
        cmocka_unit_test(a_missing_target_is_a_bad_target_and_a_missing_lun_is_not),
        cmocka_unit_test(more_than_the_buffers_hold_is_an_overrun),
        cmocka_unit_test(both_directions_at_once_fail),
        cmocka_unit_test(a_longer_buffer_leaves_a_residue),
        cmocka_unit_test(a_read_only_unit_refuses_to_be_written),
        cmocka_unit_test(a_failing_disk_gives_sense_and_a_truncated_file_too),
        cmocka_unit_test(mem_keeps_what_null_forgets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
