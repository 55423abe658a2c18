/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SENSE (SPC-4 §6.13, §6.14). Nothing can be changed: a changed value would die with the
 * process (CONTRACT §4), so every changeable mask is zero and default equals current.
 */
#include "scsi/pages.h"

#include "base/check.h"
#include "base/checked.h"

#define DBD              0x08u
#define LLBAA            0x10u
#define PAGE_MASK        0x3fu
#define ALL_PAGES        0x3fu
#define ALL_SUBPAGES     0xffu
#define WRITE_PROTECTED  0x80u
#define DPOFUA           0x10u
#define LONG_LBA         0x01u
#define DESCRIPTOR_SHORT 8u
#define DESCRIPTOR_LONG  16u
#define BODY_MAX         64u

/* What PAGE CONTROL asks for (SPC-4 table 175). */
enum control {
    CONTROL_CURRENT,
    CONTROL_CHANGEABLE,
    CONTROL_DEFAULT,
    CONTROL_SAVED,
};

struct mode_page {
    uint8_t code;
    uint8_t size_bytes; /* behind the two bytes of head */
    void (*write_body)(struct hf_writer *body, const struct hf_lun_facts *facts);
};

/* Caching page (SBC-3 §6.4.5): WCE. */
static void write_caching(struct hf_writer *body, const struct hf_lun_facts *facts)
{
    hf_write_u8(body, facts->write_cache ? 0x04 : 0);
}

/* Control page (SPC-4 §7.5.8): fixed sense, reordering unrestricted, no limit on being busy. */
static void write_control(struct hf_writer *body, const struct hf_lun_facts *facts)
{
    (void)facts;
    hf_write_u8(body, 0);
    hf_write_u8(body, 0x10); /* QUEUE ALGORITHM MODIFIER 1 */
    hf_write_zeros(body, 4);
    hf_write_be16(body, 0xffff); /* BUSY TIMEOUT PERIOD */
}

static const struct mode_page pages[] = {
    { 0x08, 18, write_caching },
    { 0x0a, 10, write_control },
};

static enum control control_of(const struct hf_cdb *cdb)
{
    return (enum control)(cdb->bytes[2] >> 6);
}

static bool asks_for(const struct hf_cdb *cdb, const struct mode_page *page)
{
    uint8_t code = cdb->bytes[2] & PAGE_MASK;
    uint8_t subpage = cdb->bytes[3];

    return (code == ALL_PAGES || code == page->code) && (subpage == 0 || subpage == ALL_SUBPAGES);
}

static void write_page(struct hf_writer *body, const struct hf_lun_facts *facts,
                       const struct hf_cdb *cdb, const struct mode_page *page)
{
    size_t end = body->length + 2 + page->size_bytes;

    hf_write_u8(body, page->code);
    hf_write_u8(body, page->size_bytes);
    if (control_of(cdb) != CONTROL_CHANGEABLE)
        page->write_body(body, facts);
    hf_write_zeros(body, end - body->length);
}

/* Ascending page codes, as SPC-4 §6.13.1 wants them. */
static void write_pages(struct hf_writer *body, const struct hf_lun_facts *facts,
                        const struct hf_cdb *cdb)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(pages); i++)
        if (asks_for(cdb, &pages[i]))
            write_page(body, facts, cdb, &pages[i]);
}

/* Block descriptor of direct access devices (SBC-3 §6.4.2); all ones = does not fit. */
static void write_short_descriptor(struct hf_writer *body, const struct hf_lun_facts *facts)
{
    hf_write_be32(body, (uint32_t)hf_min_u64(facts->blocks, UINT32_MAX));
    hf_write_u8(body, 0);
    hf_write_be24(body, facts->block_size_bytes);
}

static void write_long_descriptor(struct hf_writer *body, const struct hf_lun_facts *facts)
{
    hf_write_be64(body, facts->blocks);
    hf_write_zeros(body, 4);
    hf_write_be32(body, facts->block_size_bytes);
}

/* The changeable values of a descriptor are its mask too: zero. */
static uint8_t write_descriptor(struct hf_writer *body, const struct hf_lun_facts *facts,
                                const struct hf_cdb *cdb)
{
    bool is_long = (cdb->bytes[1] & LLBAA) != 0;
    uint8_t size_bytes = is_long ? DESCRIPTOR_LONG : DESCRIPTOR_SHORT;

    if ((cdb->bytes[1] & DBD) != 0)
        return 0;
    if (control_of(cdb) == CONTROL_CHANGEABLE)
        hf_write_zeros(body, size_bytes);
    else if (is_long)
        write_long_descriptor(body, facts);
    else
        write_short_descriptor(body, facts);
    return size_bytes;
}

static uint8_t device_specific(const struct hf_lun_facts *facts)
{
    return (uint8_t)((facts->read_only ? WRITE_PROTECTED : 0) | (facts->dpofua ? DPOFUA : 0));
}

static enum hf_status check_request(const struct hf_cdb *cdb, struct hf_sense *sense)
{
    bool found = false;

    for (size_t i = 0; i < HF_ARRAY_COUNT(pages); i++)
        found = found || asks_for(cdb, &pages[i]);
    if (!found)
        return hf_scsi_refuse(sense, hf_sense_of_field((cdb->bytes[3] != 0) ? 3 : 2));
    if (control_of(cdb) == CONTROL_SAVED)
        return hf_scsi_refuse(sense, hf_sense_of(HF_SENSE_CODE_SAVING_NOT_SUPPORTED));
    return HF_STATUS_GOOD;
}

enum hf_status hf_answer_mode_sense_6(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                      struct hf_writer *data, struct hf_sense *sense)
{
    uint8_t bytes[BODY_MAX];
    struct hf_writer body = hf_writer_of(bytes, sizeof(bytes));
    enum hf_status status = check_request(cdb, sense);

    if (status != HF_STATUS_GOOD)
        return status;
    uint8_t descriptor_size = write_descriptor(&body, facts, cdb);
    write_pages(&body, facts, cdb);
    hf_write_u8(data, (uint8_t)(3 + body.length)); /* length of what follows */
    hf_write_u8(data, 0);
    hf_write_u8(data, device_specific(facts));
    hf_write_u8(data, descriptor_size);
    hf_write_bytes(data, bytes, body.length);
    return HF_STATUS_GOOD;
}

enum hf_status hf_answer_mode_sense_10(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                       struct hf_writer *data, struct hf_sense *sense)
{
    uint8_t bytes[BODY_MAX];
    struct hf_writer body = hf_writer_of(bytes, sizeof(bytes));
    enum hf_status status = check_request(cdb, sense);

    if (status != HF_STATUS_GOOD)
        return status;
    uint8_t descriptor_size = write_descriptor(&body, facts, cdb);
    write_pages(&body, facts, cdb);
    hf_write_be16(data, (uint16_t)(6 + body.length));
    hf_write_u8(data, 0);
    hf_write_u8(data, device_specific(facts));
    hf_write_u8(data, descriptor_size == DESCRIPTOR_LONG ? LONG_LBA : 0);
    hf_write_u8(data, 0);
    hf_write_be16(data, descriptor_size);
    hf_write_bytes(data, bytes, body.length);
    return HF_STATUS_GOOD;
}
