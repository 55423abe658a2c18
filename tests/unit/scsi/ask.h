/* SPDX-License-Identifier: BSD-3-Clause */
/* Asking a logical unit as a guest would: a CDB in hex, an answer in hex or a refusal by number. */
#ifndef TESTS_SCSI_ASK_H
#define TESTS_SCSI_ASK_H

#include "cmocka_all.h"
#include "hex.h"
#include "scsi/response.h"

#define CANARY 0xa5

struct answer {
    enum hf_status status;
    struct hf_sense sense;
    uint8_t bytes[HF_SCSI_ANSWER_SIZE_MAX];
    size_t size_bytes;
};

/* 1 GiB of 512-byte blocks, 4096-byte physical blocks. */
static inline struct hf_lun_facts disk_facts(void)
{
    return (struct hf_lun_facts){
        .blocks = 0x200000,
        .block_size_bytes = 512,
        .physical_exponent = 3,
        .write_cache = true,
        .dpofua = true,
        .max_transfer_blocks = 0x2000,
        .optimal_transfer_blocks = 0x100,
        .serial = "S1",
        .product = "FILE",
        .revision = "0.1",
    };
}

static inline struct hf_cdb cdb_of(const char *hex)
{
    uint8_t bytes[HF_CDB_SIZE_BYTES] = { 0 };
    struct hf_cdb cdb;

    hex_bytes(hex, bytes, sizeof(bytes));
    hf_cdb_decode(bytes, &cdb);
    return cdb;
}

/* Whatever its kind, the command is judged, and answered if it needs no medium. */
static inline struct answer ask_cdb(const struct hf_lun_facts *facts, const struct hf_cdb *cdb)
{
    struct answer answer = { 0 };
    struct hf_writer data = hf_writer_of(answer.bytes, sizeof(answer.bytes));

    memset(answer.bytes, CANARY, sizeof(answer.bytes));
    if (hf_cdb_kind(cdb) == HF_COMMAND_ANSWER)
        answer.status = hf_scsi_answer(facts, cdb, &data, &answer.sense);
    else
        answer.status = hf_scsi_transfer_check(facts, cdb, &answer.sense);
    answer.size_bytes = hf_writer_stored(&data);
    return answer;
}

static inline struct answer ask(const struct hf_lun_facts *facts, const char *cdb_hex)
{
    struct hf_cdb cdb = cdb_of(cdb_hex);

    return ask_cdb(facts, &cdb);
}

static inline void expect_answer(const struct hf_lun_facts *facts, const char *cdb_hex,
                                 const char *expected_hex)
{
    uint8_t expected[HF_SCSI_ANSWER_SIZE_MAX];
    size_t size_bytes = hex_bytes(expected_hex, expected, sizeof(expected));
    struct answer answer = ask(facts, cdb_hex);

    assert_int_equal(answer.status, HF_STATUS_GOOD);
    assert_int_equal(answer.size_bytes, size_bytes);
    assert_memory_equal(answer.bytes, expected, size_bytes);
}

/* `why` is key, asc, ascq as one number: 0x052400. Nothing may have been written. */
static inline void expect_refusal(const struct hf_lun_facts *facts, const char *cdb_hex,
                                  unsigned why)
{
    struct answer answer = ask(facts, cdb_hex);
    unsigned sense =
        (unsigned)answer.sense.key << 16 | (unsigned)answer.sense.asc << 8 | answer.sense.ascq;

    assert_int_equal(answer.status, HF_STATUS_CHECK_CONDITION);
    assert_int_equal(sense, why);
    assert_int_equal(answer.size_bytes, 0);
    assert_int_equal(answer.bytes[0], CANARY);
}

static inline void expect_good(const struct hf_lun_facts *facts, const char *cdb_hex)
{
    assert_int_equal(ask(facts, cdb_hex).status, HF_STATUS_GOOD);
}

/* Puts a big-endian number into the CDB, then decodes it. */
static inline struct hf_cdb cdb_with(const char *hex, size_t at, size_t size_bytes, uint64_t value)
{
    uint8_t bytes[HF_CDB_SIZE_BYTES] = { 0 };
    struct hf_cdb cdb;

    hex_bytes(hex, bytes, sizeof(bytes));
    for (size_t i = 0; i < size_bytes; i++)
        bytes[at + i] = (uint8_t)(value >> 8 * (size_bytes - 1 - i));
    hf_cdb_decode(bytes, &cdb);
    return cdb;
}

/*
 * SPC-4 §4.2.5.6: every allocation length from 0 to more than there is gives the same bytes, cut;
 * length fields inside keep saying how much there would have been.
 */
static inline void expect_truncation(const struct hf_lun_facts *facts, const char *cdb_hex,
                                     size_t field_at, size_t field_size)
{
    struct hf_cdb cdb = cdb_with(cdb_hex, field_at, field_size, 255);
    struct answer whole = ask_cdb(facts, &cdb);

    assert_int_equal(whole.status, HF_STATUS_GOOD);
    assert_in_range(whole.size_bytes, 1, 250);
    for (size_t n = 0; n < 256; n++) {
        size_t wanted = n < whole.size_bytes ? n : whole.size_bytes;

        cdb = cdb_with(cdb_hex, field_at, field_size, n);
        struct answer cut = ask_cdb(facts, &cdb);
        assert_int_equal(cut.status, HF_STATUS_GOOD);
        assert_int_equal(cut.size_bytes, wanted);
        assert_memory_equal(cut.bytes, whole.bytes, wanted);
        assert_int_equal(cut.bytes[wanted], CANARY);
    }
}

#endif
