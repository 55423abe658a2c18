/* SPDX-License-Identifier: BSD-3-Clause */
/* The offer, and how it is printed (vhost-user "Backend program conventions"). */
#include "target/offer.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "target/unit.h"
#include "vscsi/config.h"

#define RING_SIZE_MAX 1024u
/* QEMU's: rings of 128 less two descriptors for header and response. */
#define SEGMENTS_MAX 126u

/* No log can come without LOG_SHMFD. */
static uint64_t features_of(const struct hf_target_options *options)
{
    uint64_t features = hf_features_for(HF_USE_TARGET) & ~options->masked_features;

    if ((options->masked_protocol_features & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0)
        features &= ~HF_FEATURE(LOG_ALL);
    return features;
}

/* The config space is 256 bytes long to those who ask: some front-ends always read that much. */
struct hf_back_offer hf_target_offer(const struct hf_target_options *options)
{
    return (struct hf_back_offer){
        .features = features_of(options),
        .features_tolerated = hf_features_for(HF_USE_TOLERATED),
        .protocol_features =
            hf_protocol_features_for(HF_USE_TARGET) & ~options->masked_protocol_features,
        .ring_count = (uint16_t)(options->queues + HF_VSCSI_QUEUE_REQUEST),
        .ring_size_max = RING_SIZE_MAX,
        .memory_slots = HF_MEMORY_REGIONS_MAX,
        .config_bytes = HF_WIRE_CONFIG_MAX,
    };
}

void hf_target_fill_config(const struct hf_target_options *options, unsigned unit_count,
                           uint8_t config[static HF_WIRE_CONFIG_MAX])
{
    struct hf_vscsi_config values = hf_vscsi_config_default(options->queues, SEGMENTS_MAX);

    memset(config, 0, HF_WIRE_CONFIG_MAX);
    /* A driver looks at every target up to this one. */
    values.max_target = (uint16_t)(unit_count - 1);
    hf_vscsi_config_encode(&values, config);
    hf_vscsi_trailer_encode(hf_unit_lock_disabled() ? 0 : HF_VSCSI_TRAILER_FENCED,
                            config + HF_VSCSI_CONFIG_SIZE_BYTES);
}

/* INFLIGHT_SHMFD -> "inflight-shmfd": the schema (vhost-user.json) has no features for scsi, and
 * writes those of other types so; what is printed here, --mask-protocol-features takes. */
static json_t *feature_word(const char *name)
{
    char word[64];
    size_t length = 0;

    for (; name[length] != '\0' && length < sizeof(word) - 1; length++)
        word[length] = name[length] == '_' ? '-' : (char)tolower((unsigned char)name[length]);
    word[length] = '\0';
    return json_string(word);
}

int hf_target_print_capabilities(const struct hf_target_options *options)
{
    uint64_t offered = hf_target_offer(options).protocol_features;
    json_t *features = json_array();

    for (unsigned bit = 0; bit < HF_PROTOCOL_FEATURE_COUNT; bit++)
        if ((offered & HF_BIT(bit)) != 0)
            json_array_append_new(features, feature_word(hf_protocol_feature_name(bit)));
    if (!hf_unit_lock_disabled())
        json_array_append_new(features, json_string("unit-lock"));
    json_t *all = json_pack("{s:s, s:o}", "type", "scsi", "features", features);
    if (!all)
        return -ENOMEM;
    int failed = json_dumpf(all, stdout, JSON_COMPACT) < 0 || puts("") < 0 || fflush(stdout) != 0;
    json_decref(all);
    return failed ? -EIO : 0;
}
