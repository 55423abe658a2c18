/* SPDX-License-Identifier: BSD-3-Clause */
/* struct virtio_scsi_config, and the trailer of Holdfast's own. */
#include "vscsi/config.h"

#include <string.h>

#include "base/bytes.h"
#include "vscsi/request.h"

static const uint8_t magic[8] = { 'H', 'O', 'L', 'D', 'F', 'A', 'S', 'T' };

struct hf_vscsi_config hf_vscsi_config_default(uint32_t num_queues, uint32_t seg_max)
{
    return (struct hf_vscsi_config){
        .num_queues = num_queues,
        .seg_max = seg_max,
        .max_sectors = 0xffff,
        .cmd_per_lun = 128,
        .event_info_size = 16,
        .sense_size = HF_VSCSI_SENSE_SIZE_BYTES,
        .cdb_size = HF_CDB_SIZE_BYTES,
        .max_channel = 0,
        .max_target = 255,
        .max_lun = HF_LUN_MAX,
    };
}

void hf_vscsi_config_encode(const struct hf_vscsi_config *config,
                            uint8_t bytes[static HF_VSCSI_CONFIG_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_CONFIG_SIZE_BYTES);

    hf_write_le32(&writer, config->num_queues);
    hf_write_le32(&writer, config->seg_max);
    hf_write_le32(&writer, config->max_sectors);
    hf_write_le32(&writer, config->cmd_per_lun);
    hf_write_le32(&writer, config->event_info_size);
    hf_write_le32(&writer, config->sense_size);
    hf_write_le32(&writer, config->cdb_size);
    hf_write_le16(&writer, config->max_channel);
    hf_write_le16(&writer, config->max_target);
    hf_write_le32(&writer, config->max_lun);
}

bool hf_vscsi_config_decode(const uint8_t *bytes, size_t size_bytes, struct hf_vscsi_config *config)
{
    struct hf_reader reader = hf_reader_of(bytes, size_bytes);

    config->num_queues = hf_read_le32(&reader);
    config->seg_max = hf_read_le32(&reader);
    config->max_sectors = hf_read_le32(&reader);
    config->cmd_per_lun = hf_read_le32(&reader);
    config->event_info_size = hf_read_le32(&reader);
    config->sense_size = hf_read_le32(&reader);
    config->cdb_size = hf_read_le32(&reader);
    config->max_channel = hf_read_le16(&reader);
    config->max_target = hf_read_le16(&reader);
    config->max_lun = hf_read_le32(&reader);
    return !reader.failed;
}

void hf_vscsi_trailer_encode(uint32_t flags, uint8_t bytes[static HF_VSCSI_TRAILER_SIZE_BYTES])
{
    struct hf_writer writer = hf_writer_of(bytes, HF_VSCSI_TRAILER_SIZE_BYTES);

    hf_write_bytes(&writer, magic, sizeof(magic));
    hf_write_le32(&writer, HF_VSCSI_TRAILER_VERSION);
    hf_write_le32(&writer, flags);
}

bool hf_vscsi_trailer_decode(const uint8_t *bytes, size_t size_bytes,
                             struct hf_vscsi_trailer *trailer)
{
    struct hf_reader reader = hf_reader_of(bytes, size_bytes);
    uint8_t found[sizeof(magic)];

    hf_read_skip(&reader, HF_VSCSI_CONFIG_SIZE_BYTES);
    hf_read_bytes(&reader, found, sizeof(found));
    trailer->version = hf_read_le32(&reader);
    trailer->flags = hf_read_le32(&reader);
    if (!reader.failed && memcmp(found, magic, sizeof(magic)) == 0 && trailer->version > 0)
        return true;
    *trailer = (struct hf_vscsi_trailer){ 0 };
    return false;
}
