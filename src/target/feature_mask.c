/* SPDX-License-Identifier: BSD-3-Clause */
/* Features by name or number. */
#include "target/feature_mask.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/feature.h"

#define WORD_SIZE 64

const struct hf_feature_set hf_virtio_feature_set = {
    .option = "--mask-features",
    .example = "EVENT_IDX",
    .name = hf_feature_name,
    .bit_count = HF_FEATURE_COUNT,
};

const struct hf_feature_set hf_protocol_feature_set = {
    .option = "--mask-protocol-features",
    .example = "INFLIGHT_SHMFD",
    .name = hf_protocol_feature_name,
    .bit_count = HF_PROTOCOL_FEATURE_COUNT,
};

static char folded(char c)
{
    return c == '-' ? '_' : (char)toupper((unsigned char)c);
}

/* INFLIGHT_SHMFD, as the specification writes it, or inflight-shmfd, as --print-capabilities does.
 */
static bool is_name(const char *name, const char *word)
{
    size_t i = 0;

    while (name[i] != '\0' && folded(word[i]) == name[i])
        i++;
    return name[i] == '\0' && word[i] == '\0';
}

static bool find_name(const struct hf_feature_set *set, const char *word, uint64_t *bits)
{
    for (unsigned bit = 0; bit < set->bit_count; bit++) {
        const char *name = set->name(bit);
        if (name && is_name(name, word)) {
            *bits = HF_BIT(bit);
            return true;
        }
    }
    return false;
}

static bool read_number(const char *word, uint64_t *bits)
{
    char *end = NULL;

    errno = 0;
    *bits = strtoull(word, &end, 0);
    return isdigit((unsigned char)word[0]) && *end == '\0' && errno == 0;
}

static bool read_word(const struct hf_feature_set *set, const char *start, size_t length,
                      uint64_t *bits)
{
    char word[WORD_SIZE];

    if (length >= sizeof(word))
        return false;
    memcpy(word, start, length);
    word[length] = '\0';
    return find_name(set, word, bits) || read_number(word, bits);
}

int hf_feature_mask_parse(const struct hf_feature_set *set, const char *list, uint64_t *mask,
                          struct hf_error *error)
{
    for (;;) {
        size_t length = strcspn(list, ",");
        uint64_t bits;

        if (!read_word(set, list, length, &bits))
            return hf_error_set(error, EINVAL,
                                "%s: %.*s is neither the name of a feature (like %s) nor a number "
                                "(like 0x1000)",
                                set->option, (int)length, list, set->example);
        *mask |= bits;
        if (list[length] == '\0')
            return 0;
        list += length + 1;
    }
}
