/* SPDX-License-Identifier: BSD-3-Clause */
/* Vital product data pages (SPC-4 §7.8, SBC-3 §6.6). A new page is a row and a function. */
#include "scsi/pages.h"

#include <string.h>

#include "base/check.h"

#define DESIGNATOR_ASCII  0x02u /* code set */
#define DESIGNATOR_BINARY 0x01u
#define DESIGNATOR_T10    0x01u /* type, association = logical unit */
#define DESIGNATOR_NAA    0x03u
#define NAA_LOCAL         0x3000000000000000u /* locally assigned, 60 bits follow */
#define NAA_LOCAL_MASK    0x0fffffffffffffffu

struct vital_page {
    uint8_t code;
    bool (*there_is)(const struct hf_lun_facts *facts);
    void (*write_body)(struct hf_writer *data, const struct hf_lun_facts *facts);
};

static bool always(const struct hf_lun_facts *facts)
{
    (void)facts;
    return true;
}

static bool on_disk(const struct hf_lun_facts *facts)
{
    return facts->kind == HF_LUN_KIND_DISK;
}

static bool with_serial(const struct hf_lun_facts *facts)
{
    return on_disk(facts) && facts->serial[0] != '\0';
}

static void write_serial(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    hf_write_bytes(data, facts->serial, strlen(facts->serial));
}

/* FNV-1a, 64 bits: the same serial gives the same name for ever, on every host. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x00000100000001b3u;
    return hash;
}

static uint64_t name_of(const struct hf_lun_facts *facts)
{
    uint64_t hash = hash_text(0xcbf29ce484222325u, HF_VENDOR);

    return NAA_LOCAL | (hash_text(hash, facts->serial) & NAA_LOCAL_MASK);
}

static void write_designator_head(struct hf_writer *data, uint8_t set, uint8_t type, size_t length)
{
    hf_write_u8(data, set);
    hf_write_u8(data, type);
    hf_write_u8(data, 0);
    hf_write_u8(data, (uint8_t)length);
}

/* Without a serial there is nothing that tells this unit from another: no designator at all. */
static void write_identification(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    size_t serial_length = strlen(facts->serial);

    if (serial_length == 0)
        return;
    write_designator_head(data, DESIGNATOR_BINARY, DESIGNATOR_NAA, 8);
    hf_write_be64(data, name_of(facts));
    write_designator_head(data, DESIGNATOR_ASCII, DESIGNATOR_T10, 8 + serial_length);
    hf_write_padded(data, HF_VENDOR, 8);
    hf_write_bytes(data, facts->serial, serial_length);
}

/* SBC-3 §6.6.4: 60 bytes; no UNMAP, no WRITE SAME, no COMPARE AND WRITE, so the rest is zero. */
static void write_block_limits(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    uint16_t granularity =
        facts->physical_exponent > 0 ? (uint16_t)(1u << facts->physical_exponent) : 0;

    hf_write_zeros(data, 2);
    hf_write_be16(data, granularity);
    hf_write_be32(data, facts->max_transfer_blocks);
    hf_write_be32(data, facts->optimal_transfer_blocks);
    hf_write_zeros(data, 48);
}

static void write_page_list(struct hf_writer *data, const struct hf_lun_facts *facts);

static const struct vital_page pages[] = {
    { 0x00, always, write_page_list },       /* supported pages */
    { 0x80, with_serial, write_serial },     /* unit serial number */
    { 0x83, on_disk, write_identification }, /* device identification */
    { 0xb0, on_disk, write_block_limits },   /* block limits */
};

static void write_page_list(struct hf_writer *data, const struct hf_lun_facts *facts)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(pages); i++)
        if (pages[i].there_is(facts))
            hf_write_u8(data, pages[i].code);
}

static const struct vital_page *find_page(uint8_t code, const struct hf_lun_facts *facts)
{
    for (size_t i = 0; i < HF_ARRAY_COUNT(pages); i++)
        if (pages[i].code == code && pages[i].there_is(facts))
            return &pages[i];
    return NULL;
}

enum hf_status hf_answer_vital_page(const struct hf_lun_facts *facts, const struct hf_cdb *cdb,
                                    struct hf_writer *data, struct hf_sense *sense)
{
    const struct vital_page *page = find_page(cdb->bytes[2], facts);

    if (page == NULL)
        return hf_scsi_refuse(sense, hf_sense_of_field(2));
    hf_write_u8(data, hf_peripheral_byte(facts));
    hf_write_u8(data, page->code);
    hf_write_be16(data, 0);
    page->write_body(data, facts);
    hf_write_patch_be16(data, 2, (uint16_t)(data->length - 4));
    return HF_STATUS_GOOD;
}
