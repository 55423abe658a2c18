/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's config space (virtio 1.3 §5.6.4), 36 bytes, and our trailer right behind it: 16
 * bytes by which a front-end of ours knows that this back-end fences its units itself (CONTRACT
 * §1). A driver reads the 36 and never sees the trailer. Knows no queue.
 */
#ifndef HF_VSCSI_CONFIG_H
#define HF_VSCSI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HF_VSCSI_CONFIG_SIZE_BYTES  36u
#define HF_VSCSI_TRAILER_SIZE_BYTES 16u
/* Both, as a back-end with the trailer answers GET_CONFIG. */
#define HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES (HF_VSCSI_CONFIG_SIZE_BYTES + HF_VSCSI_TRAILER_SIZE_BYTES)
#define HF_VSCSI_TRAILER_VERSION         1u

/* Bits of the trailer's flags. */
#define HF_VSCSI_TRAILER_FENCED                                                                    \
    0x00000001u /* takes OFD locks on its units before it serves them                              \
                 */

/* Queues; the feature bits are in wire/feature.h. */
#define HF_VSCSI_QUEUE_CONTROL 0u
#define HF_VSCSI_QUEUE_EVENT   1u
#define HF_VSCSI_QUEUE_REQUEST 2u /* the first of them */

struct hf_vscsi_config {
    uint32_t num_queues; /* request queues only */
    uint32_t seg_max;
    uint32_t max_sectors; /* of 512 bytes */
    uint32_t cmd_per_lun;
    uint32_t event_info_size;
    uint32_t sense_size; /* the driver may write it; we serve 96 only */
    uint32_t cdb_size;   /* the driver may write it; we serve 32 only */
    uint16_t max_channel;
    uint16_t max_target;
    uint32_t max_lun;
};

struct hf_vscsi_trailer {
    uint32_t version;
    uint32_t flags;
};

/* What QEMU's vhost-user-scsi says, with the caller's own queue count and segment limit. */
struct hf_vscsi_config hf_vscsi_config_default(uint32_t num_queues, uint32_t seg_max);
void hf_vscsi_config_encode(const struct hf_vscsi_config *config,
                            uint8_t bytes[static HF_VSCSI_CONFIG_SIZE_BYTES]);
/* False if there are fewer than 36 bytes. */
bool hf_vscsi_config_decode(const uint8_t *bytes, size_t size_bytes,
                            struct hf_vscsi_config *config);
/* Writes version 1 and `flags`, to be put right behind the 36 bytes. */
void hf_vscsi_trailer_encode(uint32_t flags, uint8_t bytes[static HF_VSCSI_TRAILER_SIZE_BYTES]);
/*
 * `bytes` is a whole GET_CONFIG answer (36 bytes and more). False if there is no trailer of ours
 * (shorter, other magic, version 0): the back-end is a stranger. Later versions keep the flags.
 */
bool hf_vscsi_trailer_decode(const uint8_t *bytes, size_t size_bytes,
                             struct hf_vscsi_trailer *trailer);

#endif
