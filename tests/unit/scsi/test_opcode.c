/* SPDX-License-Identifier: BSD-3-Clause */
/* What the target promises to serve, typed by hand; lengths and directions from the standards. */
#include "scsi/opcode.h"

#include "ask.h"
#include "base/check.h"

static const struct {
    uint8_t code;
    uint8_t action;
    enum hf_command_kind kind;
    enum hf_direction direction;
    uint8_t size_bytes;
} promised[] = {
    { 0x00, 0, HF_COMMAND_ANSWER, HF_DIRECTION_NONE, 6 },
    { 0x03, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 6 },
    { 0x08, 0, HF_COMMAND_READ, HF_DIRECTION_IN, 6 },
    { 0x0a, 0, HF_COMMAND_WRITE, HF_DIRECTION_OUT, 6 },
    { 0x12, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 6 },
    { 0x1a, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 6 },
    { 0x1b, 0, HF_COMMAND_FLUSH, HF_DIRECTION_NONE, 6 },
    { 0x25, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 10 },
    { 0x28, 0, HF_COMMAND_READ, HF_DIRECTION_IN, 10 },
    { 0x2a, 0, HF_COMMAND_WRITE, HF_DIRECTION_OUT, 10 },
    { 0x35, 0, HF_COMMAND_FLUSH, HF_DIRECTION_NONE, 10 },
    { 0x5a, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 10 },
    { 0x88, 0, HF_COMMAND_READ, HF_DIRECTION_IN, 16 },
    { 0x8a, 0, HF_COMMAND_WRITE, HF_DIRECTION_OUT, 16 },
    { 0x91, 0, HF_COMMAND_FLUSH, HF_DIRECTION_NONE, 16 },
    { 0x9e, 0x10, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 16 },
    { 0xa0, 0, HF_COMMAND_ANSWER, HF_DIRECTION_IN, 12 },
};

static bool is_promised(unsigned code, unsigned action)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(promised); i++)
        if (promised[i].code == code && (code != 0x9e || promised[i].action == action))
            return true;
    return false;
}

static void every_promised_command_has_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(promised); i++) {
        const struct hf_opcode *row = hf_opcode_find(promised[i].code, promised[i].action);
        assert_non_null(row);
        assert_int_equal(row->kind, promised[i].kind);
        assert_int_equal(row->direction, promised[i].direction);
        assert_int_equal(row->size_bytes, promised[i].size_bytes);
    }
    assert_null(hf_opcode_at(HF_ARRAY_COUNT(promised)));
}

static void every_other_code_and_service_action_is_refused(void **state)
{
    struct hf_lun_facts facts = disk_facts();

    (void)state;
    for (unsigned pair = 0; pair < 256 * 32; pair++) {
        uint8_t bytes[HF_CDB_SIZE_BYTES] = { (uint8_t)(pair >> 5), pair & 0x1f };
        struct hf_cdb cdb;
        hf_cdb_decode(bytes, &cdb);
        if (is_promised(pair >> 5, pair & 0x1f))
            continue;
        struct answer answer = ask_cdb(&facts, &cdb);
        assert_int_equal(answer.status, HF_STATUS_CHECK_CONDITION);
        assert_int_equal(answer.sense.key, 5);
        assert_int_equal(answer.sense.asc << 8 | answer.sense.ascq, 0x2000);
    }
}

/* Each row agrees with itself: what the worker relies on without looking. */
static void the_table_is_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; hf_opcode_at(i) != NULL; i++) {
        const struct hf_opcode *row = hf_opcode_at(i);
        assert_ptr_equal(hf_opcode_find(row->code, row->action), row);
        assert_int_equal(row->size_bytes, hf_cdb_group_size_bytes(row->code));
        assert_true(row->lba.at + row->lba.size_bytes <= row->size_bytes);
        assert_true(row->length.at + row->length.size_bytes <= row->size_bytes);
        assert_true((row->kind == HF_COMMAND_ANSWER) == (row->answer != NULL));
        assert_int_equal(row->usage[0], 0xff);
        assert_int_equal(row->usage[row->size_bytes - 1], 0); /* CONTROL, with NACA */
        assert_non_null(row->name);
    }
}

/* The columns say that 21 bits, or all bytes, of a number may be set. */
static void usage_masks_cover_the_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; hf_opcode_at(i) != NULL; i++) {
        const struct hf_opcode *row = hf_opcode_at(i);
        for (size_t b = 0; b < row->lba.size_bytes; b++)
            assert_int_equal(row->usage[row->lba.at + b],
                             row->lba.size_bytes == 3 && b == 0 ? 0x1f : 0xff);
        for (size_t b = 0; b < row->length.size_bytes; b++)
            assert_int_equal(row->usage[row->length.at + b], 0xff);
    }
}

static void what_moves_or_flushes_blocks_may_be_replayed(void **state)
{
    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(promised); i++) {
        const struct hf_opcode *row = hf_opcode_find(promised[i].code, promised[i].action);
        assert_int_equal(row->replay,
                         promised[i].code == 0x1b ? HF_REPLAY_UNIT_ATTENTION : HF_REPLAY_EXECUTE);
    }
}

/* CONTRACT §4: state that would die with the process is not offered. */
static void reservations_and_mode_select_have_no_row(void **state)
{
    static const uint8_t refused[] = { 0x15, 0x55, 0x16, 0x17, 0x56, 0x57, 0x5e, 0x5f };

    (void)state;
    for (size_t i = 0; i < HF_ARRAY_COUNT(refused); i++)
        assert_null(hf_opcode_find(refused[i], 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_promised_command_has_its_row),
        cmocka_unit_test(every_other_code_and_service_action_is_refused),
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(usage_masks_cover_the_numbers),
        cmocka_unit_test(what_moves_or_flushes_blocks_may_be_replayed),
        cmocka_unit_test(reservations_and_mode_select_have_no_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
