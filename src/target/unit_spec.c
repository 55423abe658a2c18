/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a unit: a table of options, and which words may stand where. Opens nothing. */
#include "target/unit_spec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checked.h"

/* What is later, or more, is never: that is hang-after=1. */
#define DELAY_MAX_NS   UINT64_C(3600000000000)
#define REQUESTS_MAX   UINT64_C(1000000000000)
#define REORDER_MAX    65536
#define DELAY_WORDS    "a time such as 500us, 1ms, 2s, at most 3600s"
#define REORDER_WORDS  "a number of requests, 1 to 65536"
#define REQUESTS_WORDS "a number of requests, 1 to 1000000000000"

struct scale {
    const char *suffix;
    uint64_t factor;
};

static const struct scale size_scales[] = {
    { "", 1 },
    { "k", 1u << 10 },
    { "K", 1u << 10 },
    { "M", 1u << 20 },
    { "m", 1u << 20 },
    { "G", 1u << 30 },
    { "g", 1u << 30 },
    { "T", UINT64_C(1) << 40 },
    { "KiB", 1u << 10 },
    { "MiB", 1u << 20 },
    { "GiB", 1u << 30 },
    { "TiB", UINT64_C(1) << 40 },
    { "t", UINT64_C(1) << 40 },
};

static const struct scale time_scales[] = {
    { "ns", 1 },
    { "us", 1000 },
    { "ms", 1000 * 1000 },
    { "s", 1000 * 1000 * 1000 },
};

static int scaled(const char *word, const struct scale *scales, size_t count, uint64_t *value)
{
    char *end;
    uint64_t number;

    if (*word < '0' || *word > '9')
        return -EINVAL;
    errno = 0;
    number = strtoull(word, &end, 10);
    if (errno)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, scales[i].suffix) == 0)
            return hf_mul_u64(number, scales[i].factor, value) ? 0 : -ERANGE;
    }
    return -EINVAL;
}

int hf_unit_spec_size(const char *word, uint64_t *size_bytes)
{
    int failed = scaled(word, size_scales, HF_ARRAY_COUNT(size_scales), size_bytes);

    /* A file has no bytes beyond: offsets are signed (off_t). */
    return failed == 0 && *size_bytes > INT64_MAX ? -ERANGE : failed;
}

static int number(const char *value, uint64_t maximum, uint64_t *result)
{
    int ret = scaled(value, size_scales, 1, result);

    if (ret == 0 && (*result == 0 || *result > maximum))
        return -ERANGE;
    return ret;
}

static int set_read_only(struct hf_unit_spec *spec, const char *value)
{
    (void)value;
    spec->read_only = true;
    return 0;
}

static int set_block_size(struct hf_unit_spec *spec, const char *value)
{
    if (strcmp(value, "512") == 0)
        spec->block_size_bytes = 512;
    else if (strcmp(value, "4096") == 0)
        spec->block_size_bytes = 4096;
    else
        return -EINVAL;
    return 0;
}

static int set_serial(struct hf_unit_spec *spec, const char *value)
{
    size_t length = strlen(value);

    if (length == 0 || length >= sizeof(spec->serial))
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (value[i] < 0x21 || value[i] > 0x7e)
            return -EINVAL;
    }
    memcpy(spec->serial, value, length + 1);
    return 0;
}

static int set_cache(struct hf_unit_spec *spec, const char *value)
{
    static const char *const names[HF_CACHE_COUNT] = {
        [HF_CACHE_WRITEBACK] = "writeback",
        [HF_CACHE_WRITETHROUGH] = "writethrough",
        [HF_CACHE_NONE] = "none",
    };

    for (unsigned i = 0; i < HF_CACHE_COUNT; i++) {
        if (strcmp(value, names[i]) == 0) {
            spec->cache = (enum hf_cache)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int set_delay(struct hf_unit_spec *spec, const char *value)
{
    uint64_t *delay_ns = &spec->fault.delay_ns;
    int failed = scaled(value, time_scales, HF_ARRAY_COUNT(time_scales), delay_ns);

    return failed == 0 && *delay_ns > DELAY_MAX_NS ? -ERANGE : failed;
}

static int set_reorder(struct hf_unit_spec *spec, const char *value)
{
    uint64_t count;
    int ret = number(value, REORDER_MAX, &count);

    if (ret == 0)
        spec->fault.reorder = (uint32_t)count;
    return ret;
}

static int set_crash_after(struct hf_unit_spec *spec, const char *value)
{
    return number(value, REQUESTS_MAX, &spec->fault.crash_after);
}

static int set_error_after(struct hf_unit_spec *spec, const char *value)
{
    return number(value, REQUESTS_MAX, &spec->fault.error_after);
}

static int set_hang_after(struct hf_unit_spec *spec, const char *value)
{
    return number(value, REQUESTS_MAX, &spec->fault.hang_after);
}

/* A new option is a row. */
struct option {
    const char *name;
    const char *values; /* NULL: takes none */
    int (*set)(struct hf_unit_spec *spec, const char *value);
    bool path_only;
};

static const struct option unit_options[] = {
    { "ro", NULL, set_read_only, false },
    { "block-size", "512 or 4096", set_block_size, false },
    { "serial", "1 to 63 printable characters without spaces", set_serial, false },
    { "cache", "writeback, writethrough or none", set_cache, true },
};

static const struct option fault_options[] = {
    { "delay", DELAY_WORDS, set_delay, false },
    { "reorder", REORDER_WORDS, set_reorder, false },
    { "crash-after", REQUESTS_WORDS, set_crash_after, false },
    { "error-after", REQUESTS_WORDS, set_error_after, false },
    { "hang-after", REQUESTS_WORDS, set_hang_after, false },
};

#define UNIT_OPTIONS_TEXT  "ro, block-size=, serial=, cache="
#define FAULT_OPTIONS_TEXT "delay=, reorder=, crash-after=, error-after=, hang-after="

/* The next word without its comma; ",," inside gives one comma. False: too long. */
static bool next_word(const char **at, char *word, size_t size)
{
    size_t length = 0;

    while (**at != '\0') {
        if (**at == ',') {
            (*at)++;
            if (**at != ',')
                break;
        }
        if (length + 1 >= size)
            return false;
        word[length++] = *(*at)++;
    }
    word[length] = '\0';
    return true;
}

static const struct option *find_option(const struct option *options, size_t count,
                                        const char *word, const char **value)
{
    size_t length = strcspn(word, "=");

    *value = word[length] == '=' ? word + length + 1 : NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(options[i].name) == length && strncmp(options[i].name, word, length) == 0)
            return &options[i];
    }
    return NULL;
}

static int apply(const struct option *option, const char *value, struct hf_unit_spec *spec,
                 struct hf_error *error)
{
    if (!option->values && value)
        return hf_error_set(error, EINVAL, "option '%s' takes no value", option->name);
    if (option->values && !value)
        return hf_error_set(error, EINVAL, "option '%s' needs a value: %s", option->name,
                            option->values);
    if (option->path_only && spec->kind != HF_UNIT_KIND_PATH)
        return hf_error_set(error, EINVAL, "option '%s' is for files and block devices only",
                            option->name);
    if (option->set(spec, value) < 0)
        return hf_error_set(error, EINVAL, "bad value in '%s=%s': want %s", option->name, value,
                            option->values);
    return 0;
}

static int parse_what(const char *word, struct hf_unit_spec *spec, struct hf_error *error)
{
    static const struct {
        const char *prefix;
        enum hf_unit_kind kind;
    } kinds[] = { { "mem:", HF_UNIT_KIND_MEM }, { "null:", HF_UNIT_KIND_NULL } };

    for (size_t i = 0; i < HF_ARRAY_COUNT(kinds); i++) {
        size_t length = strlen(kinds[i].prefix);

        if (strncmp(word, kinds[i].prefix, length) != 0)
            continue;
        spec->kind = kinds[i].kind;
        if (hf_unit_spec_size(word + length, &spec->size_bytes) < 0)
            return hf_error_set(error, EINVAL,
                                "bad size in '%s': want %s and a number with k, M, "
                                "G or T",
                                word, kinds[i].prefix);
        return 0;
    }
    if (*word == '\0')
        return hf_error_set(error, EINVAL,
                            "no unit named: want a file, a block device, mem:SIZE "
                            "or null:SIZE");
    spec->kind = HF_UNIT_KIND_PATH;
    memcpy(spec->path, word, strlen(word) + 1);
    return 0;
}

/* Eats fault options; what comes back in `word` is the unit. */
static int parse_fault(const char **at, char *word, size_t size, struct hf_unit_spec *spec,
                       struct hf_error *error)
{
    for (;;) {
        const char *value;
        const struct option *option =
            find_option(fault_options, HF_ARRAY_COUNT(fault_options), word, &value);
        int ret;

        if (!option && value && !strchr(word, '/'))
            return hf_error_set(error, EINVAL, "no fault option '%s': there are %s", word,
                                FAULT_OPTIONS_TEXT);
        if (!option)
            return 0;
        ret = apply(option, value, spec, error);
        if (ret < 0)
            return ret;
        if (!next_word(at, word, size))
            return hf_error_set(error, ENAMETOOLONG, "a word is too long");
    }
}

static int parse_options(const char *at, char *word, size_t size, struct hf_unit_spec *spec,
                         struct hf_error *error)
{
    while (*at != '\0') {
        const char *value;
        const struct option *option;
        int ret;

        if (!next_word(&at, word, size))
            return hf_error_set(error, ENAMETOOLONG, "a word is too long");
        option = find_option(unit_options, HF_ARRAY_COUNT(unit_options), word, &value);
        if (!option)
            return hf_error_set(error, EINVAL,
                                "no option '%s': there are %s (fault: options come first; ',,' is "
                                "a comma in a name)",
                                word, UNIT_OPTIONS_TEXT);
        ret = apply(option, value, spec, error);
        if (ret < 0)
            return ret;
    }
    return 0;
}

static int parse(const char *words, struct hf_unit_spec *spec, struct hf_error *error)
{
    static const char fault[] = "fault:";
    char word[sizeof(spec->path)];
    const char *at = words;
    int ret;

    if (strncmp(at, fault, sizeof(fault) - 1) == 0) {
        spec->fault.present = true;
        at += sizeof(fault) - 1;
    }
    if (!next_word(&at, word, sizeof(word)))
        return hf_error_set(error, ENAMETOOLONG, "a word is too long");
    if (spec->fault.present) {
        ret = parse_fault(&at, word, sizeof(word), spec, error);
        if (ret < 0)
            return ret;
    }
    ret = parse_what(word, spec, error);
    if (ret < 0)
        return ret;
    return parse_options(at, word, sizeof(word), spec, error);
}

int hf_unit_spec_parse(const char *words, struct hf_unit_spec *spec, struct hf_error *error)
{
    int ret;

    memset(spec, 0, sizeof(*spec));
    ret = parse(words, spec, error);
    if (ret < 0)
        hf_error_prefix(error, "unit '%s'", words);
    return ret;
}
