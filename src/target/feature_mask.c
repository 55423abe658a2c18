/* SPDX-License-Identifier: BSD-3-Clause */
/* Protocol features by name or number. */
#include "target/feature_mask.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "wire/feature.h"

#define WORD_SIZE 64

static bool find_name(const char *word, uint64_t *bits)
{
    for (unsigned bit = 0; bit < HF_PROTOCOL_FEATURE_COUNT; bit++) {
        const char *name = hf_protocol_feature_name(bit);
        if (name && strcasecmp(name, word) == 0) {
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

static int add_word(const char *start, size_t length, uint64_t *mask, struct hf_error *error)
{
    char word[WORD_SIZE];
    uint64_t bits;

    if (length < sizeof(word)) {
        memcpy(word, start, length);
        word[length] = '\0';
        if (find_name(word, &bits) || read_number(word, &bits)) {
            *mask |= bits;
            return 0;
        }
    }
    return hf_error_set(error, EINVAL,
                        "--mask-protocol-features: %.*s is neither the name of a protocol feature "
                        "(like INFLIGHT_SHMFD) nor a number (like 0x1000)",
                        (int)length, start);
}

int hf_feature_mask_parse(const char *list, uint64_t *mask, struct hf_error *error)
{
    int failed = 0;

    for (;;) {
        size_t length = strcspn(list, ",");

        failed = add_word(list, length, mask, error);
        if (failed < 0 || list[length] == '\0')
            return failed;
        list += length + 1;
    }
}
