/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any 32 bytes as a CDB, to any logical unit, into any room. Held to: no byte beyond the room or
 * the allocation length, an answer that is a beginning of the whole answer, transfers that lie on
 * the medium, a sense that survives both of its formats.
 */
#include "fuzz.h"

#include "scsi/lun.h"
#include "scsi/response.h"

enum {
    DEPTH_ANSWERED,    /* with data */
    DEPTH_TRANSFERRED, /* a transfer allowed */
    DEPTH_REFUSED,     /* by a disk that knows the command */
};

struct prefix {
    uint8_t kind; /* modulo 4: disk twice */
    uint8_t flags;
    uint8_t exponent;
    uint8_t texts; /* lengths of serial, product, revision follow from it */
    uint32_t max_transfer_blocks;
    uint32_t optimal_transfer_blocks;
    uint32_t room; /* of the answer */
    uint64_t blocks;
};

#define SCSI_READ_ONLY 0x01u
#define SCSI_CACHE     0x02u
#define SCSI_DPOFUA    0x04u
#define SCSI_4096      0x08u
#define SCSI_LIMITED   0x10u

struct record {
    uint8_t cdb[HF_CDB_SIZE_BYTES];
    uint8_t sense[24]; /* bytes of a device that is not trusted */
    uint8_t sense_length;
    uint8_t unused[7];
};

/* ---- the logical unit ---- */

static void fill_text(char *into, size_t size_bytes, unsigned length)
{
    for (size_t i = 0; i + 1 < size_bytes && i < length; i++)
        into[i] = (char)('!' + i % 90);
}

static struct hf_lun_facts facts_of(const struct prefix *prefix)
{
    struct hf_lun_facts facts = {
        .kind = (enum hf_lun_kind)(prefix->kind % 4 == 3 ? 0 : prefix->kind % 4),
        .blocks = prefix->blocks,
        .block_size_bytes = (prefix->flags & SCSI_4096) != 0 ? 4096 : 512,
        .physical_exponent = prefix->exponent % 16,
        .read_only = (prefix->flags & SCSI_READ_ONLY) != 0,
        .write_cache = (prefix->flags & SCSI_CACHE) != 0,
        .dpofua = (prefix->flags & SCSI_DPOFUA) != 0,
        .max_transfer_blocks =
            (prefix->flags & SCSI_LIMITED) != 0 ? prefix->max_transfer_blocks : 0,
        .optimal_transfer_blocks = prefix->optimal_transfer_blocks,
    };

    fill_text(facts.serial, sizeof(facts.serial), prefix->texts);
    fill_text(facts.product, sizeof(facts.product), prefix->texts % 32u);
    fill_text(facts.revision, sizeof(facts.revision), prefix->texts % 8u);
    return facts;
}

/* ---- sense ---- */

static bool same_code(const struct hf_sense *a, const struct hf_sense *b)
{
    return a->key == b->key && a->asc == b->asc && a->ascq == b->ascq;
}

static void check_sense(const struct hf_sense *sense)
{
    uint8_t fixed[HF_SENSE_FIXED_SIZE_BYTES];
    uint8_t descriptor[HF_SENSE_DESCRIPTOR_SIZE_BYTES];
    struct hf_sense again;

    FUZZ_CHECK(sense->key != HF_SENSE_KEY_NO_SENSE && sense->key < HF_SENSE_KEY_COUNT);
    hf_sense_encode_fixed(sense, fixed);
    FUZZ_CHECK(hf_sense_decode(fixed, sizeof(fixed), &again) && same_code(sense, &again));
    size_t length = hf_sense_encode_descriptor(sense, descriptor);
    FUZZ_CHECK(length <= sizeof(descriptor));
    FUZZ_CHECK(hf_sense_decode(descriptor, length, &again) && same_code(sense, &again));
    FUZZ_CHECK(again.has_field == sense->has_field &&
               (!sense->has_field || again.field_byte == sense->field_byte));
}

static void decode_sense(const struct record *record)
{
    size_t length = record->sense_length % (sizeof(record->sense) + 1);
    uint8_t *bytes = fuzz_copy(record->sense, length);
    struct hf_sense sense;

    if (!hf_sense_decode(bytes, length, &sense))
        FUZZ_CHECK(sense.key == 0 && sense.asc == 0 && sense.ascq == 0);
    free(bytes);
}

/* ---- answers ---- */

struct answer {
    enum hf_status status;
    uint8_t *bytes;
    size_t stored;
    struct hf_sense sense;
};

static struct answer answer_into(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                 size_t room)
{
    struct answer answer = { .bytes = fuzz_alloc(room) };
    struct hf_writer data = hf_writer_of(answer.bytes, room);

    answer.status = hf_scsi_answer(facts, cdb, &data, &answer.sense);
    answer.stored = hf_writer_stored(&data);
    FUZZ_CHECK(answer.stored <= room && answer.stored <= cdb->allocation_length);
    FUZZ_CHECK(data.length <= HF_SCSI_ANSWER_SIZE_MAX);
    FUZZ_CHECK(answer.status == HF_STATUS_GOOD || data.length == 0);
    return answer;
}

static unsigned check_answer(const struct prefix *prefix, const struct hf_lun_facts *facts,
                             const struct hf_cdb *cdb)
{
    struct answer whole = answer_into(facts, cdb, HF_SCSI_ANSWER_SIZE_MAX);
    struct answer part = answer_into(facts, cdb, prefix->room % (HF_SCSI_ANSWER_SIZE_MAX + 1));
    unsigned reached = 0;

    FUZZ_CHECK(whole.status == part.status && part.stored <= whole.stored);
    FUZZ_CHECK(part.stored == 0 || memcmp(whole.bytes, part.bytes, part.stored) == 0);
    if (whole.status != HF_STATUS_GOOD)
        check_sense(&whole.sense);
    if (whole.status == HF_STATUS_GOOD && whole.stored > 0)
        reached = FUZZ_DEPTH(DEPTH_ANSWERED);
    if (whole.status != HF_STATUS_GOOD && cdb->opcode != NULL && facts->kind == HF_LUN_KIND_DISK)
        reached = FUZZ_DEPTH(DEPTH_REFUSED);
    free(whole.bytes);
    free(part.bytes);
    return reached;
}

static unsigned check_transfer(const struct hf_lun_facts *facts, const struct hf_cdb *cdb)
{
    struct hf_sense sense;

    if (hf_scsi_transfer_check(facts, cdb, &sense) != HF_STATUS_GOOD) {
        check_sense(&sense);
        return FUZZ_DEPTH(DEPTH_REFUSED);
    }
    FUZZ_CHECK(facts->kind == HF_LUN_KIND_DISK);
    FUZZ_CHECK(cdb->lba <= facts->blocks && cdb->blocks <= facts->blocks - cdb->lba);
    FUZZ_CHECK(hf_cdb_kind(cdb) != HF_COMMAND_WRITE || !facts->read_only);
    FUZZ_CHECK(hf_scsi_transfer_size_bytes(facts, cdb) / facts->block_size_bytes == cdb->blocks);
    if (facts->max_transfer_blocks != 0 && hf_cdb_kind(cdb) != HF_COMMAND_FLUSH)
        FUZZ_CHECK(cdb->blocks <= facts->max_transfer_blocks);
    return FUZZ_DEPTH(DEPTH_TRANSFERRED);
}

static void check_lun(const uint8_t *bytes)
{
    uint8_t again[HF_LUN_SIZE_BYTES];
    uint16_t number;
    uint16_t same;

    if (hf_lun_decode(bytes, &number) != HF_LUN_FORM_UNIT) {
        FUZZ_CHECK(number == 0);
        return;
    }
    FUZZ_CHECK(number <= HF_LUN_MAX);
    hf_lun_encode(number, again);
    FUZZ_CHECK(hf_lun_decode(again, &same) == HF_LUN_FORM_UNIT && same == number);
}

static unsigned run_one(const struct prefix *prefix, const struct record *record)
{
    struct hf_lun_facts facts = facts_of(prefix);
    uint8_t *bytes = fuzz_copy(record->cdb, sizeof(record->cdb));
    struct hf_cdb cdb;

    hf_cdb_decode(bytes, &cdb);
    memset(bytes, 0xff, sizeof(record->cdb)); /* it has its own copy */
    FUZZ_CHECK(hf_cdb_name(&cdb) != NULL && hf_cdb_replay(&cdb) < HF_REPLAY_COUNT);
    free(bytes);
    decode_sense(record);
    check_lun(record->cdb);
    if (hf_cdb_kind(&cdb) == HF_COMMAND_ANSWER)
        return check_answer(prefix, &facts, &cdb);
    return check_transfer(&facts, &cdb);
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct prefix prefix;
    struct record record;
    unsigned reached = 0;

    fuzz_take(&input, &prefix, sizeof(prefix));
    while (fuzz_take(&input, &record, sizeof(record)))
        reached |= run_one(&prefix, &record);
    return reached;
}

/* ---- seeds ---- */

struct seed {
    struct prefix prefix;
    struct record records[24];
};

static unsigned fill_transfers(struct record *records)
{
    unsigned count = 0;

    hf_cdb_read_10(records[count++].cdb, 7, 9);
    hf_cdb_read_16(records[count++].cdb, 7, 9);
    hf_cdb_write_10(records[count++].cdb, 7, 9, true);
    hf_cdb_write_16(records[count++].cdb, UINT64_C(1) << 33, 9, false);
    hf_cdb_read_16(records[count++].cdb, UINT64_MAX, 2); /* the sum is small */
    hf_cdb_synchronize_cache_10(records[count++].cdb, 0, 0);
    hf_cdb_synchronize_cache_16(records[count++].cdb, 3, 4);
    memcpy(records[count++].cdb, (uint8_t[]){ HF_OP_READ_6, 0, 0, 1, 0 }, 5);
    memcpy(records[count++].cdb, (uint8_t[]){ HF_OP_WRITE_6, 0, 0, 1, 4 }, 5);
    return count;
}

static unsigned fill_answers(struct record *records)
{
    static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
    unsigned count = 0;

    hf_cdb_test_unit_ready(records[count++].cdb);
    hf_cdb_request_sense(records[count++].cdb, 252);
    hf_cdb_inquiry(records[count++].cdb, 96);
    for (unsigned i = 0; i < sizeof(pages); i++)
        hf_cdb_inquiry_page(records[count++].cdb, pages[i], 255);
    hf_cdb_report_luns(records[count++].cdb, 4096);
    hf_cdb_read_capacity_10(records[count++].cdb);
    hf_cdb_read_capacity_16(records[count++].cdb, 32);
    hf_cdb_mode_sense_6(records[count++].cdb, 0x3f, 192);
    hf_cdb_mode_sense_10(records[count++].cdb, 0x08, 192);
    memcpy(records[count++].cdb, (uint8_t[]){ HF_OP_START_STOP_UNIT, 0, 0, 0, 1 }, 5);
    return count;
}

static void put_down(const char *name, const struct prefix *prefix,
                     unsigned (*fill)(struct record *records))
{
    static const uint8_t sense[] = {
        0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xc0, 0, 1
    };
    struct seed seed = { .prefix = *prefix };
    unsigned count = fill(seed.records);

    memcpy(seed.records[0].sense, sense, sizeof(sense));
    seed.records[0].sense_length = sizeof(sense);
    fuzz_seed(name, &seed, sizeof(seed.prefix) + count * sizeof(struct record));
}

static void seeds(void)
{
    const struct prefix disk = { .flags = SCSI_CACHE | SCSI_DPOFUA | SCSI_LIMITED,
                                 .exponent = 3,
                                 .texts = 20,
                                 .max_transfer_blocks = 65536,
                                 .room = 255,
                                 .blocks = UINT64_C(1) << 34 };
    const struct prefix small = { .flags = SCSI_READ_ONLY | SCSI_4096, .room = 36, .blocks = 100 };
    const struct prefix missing = { .kind = HF_LUN_KIND_MISSING, .room = 512 };
    const struct prefix listing = { .kind = HF_LUN_KIND_REPORT_LUNS, .room = 512 };

    put_down("disk-answers", &disk, fill_answers);
    put_down("disk-transfers", &disk, fill_transfers);
    put_down("small-answers", &small, fill_answers);
    put_down("small-transfers", &small, fill_transfers);
    put_down("missing", &missing, fill_answers);
    put_down("report-luns", &listing, fill_answers);
}

const struct fuzz_target fuzz_target = {
    .name = "scsi",
    .depths = { "answered with data", "a transfer allowed", "refused by a disk" },
    .prefix_bytes = sizeof(struct prefix),
    .record_bytes = sizeof(struct record),
    .run = run,
    .seeds = seeds,
};
