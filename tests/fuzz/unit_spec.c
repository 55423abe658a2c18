/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a unit. Held to: an error and a text, or neither; only values that are legal. */
#include "fuzz.h"

#include "target/unit_spec.h"

enum {
    DEPTH_UNIT,    /* a unit */
    DEPTH_OPTIONS, /* with an option */
    DEPTH_FAULT,   /* behind a fault unit with an option */
};

#define WORDS_MAX 6000u

static void check_serial(const char *serial)
{
    FUZZ_CHECK(memchr(serial, '\0', HF_SERIAL_SIZE) != NULL);
    for (; *serial != '\0'; serial++)
        FUZZ_CHECK(*serial > ' ' && *serial <= '~');
}

static void check_spec(const struct hf_unit_spec *spec)
{
    FUZZ_CHECK((unsigned)spec->kind < HF_UNIT_KIND_COUNT && (unsigned)spec->cache < HF_CACHE_COUNT);
    FUZZ_CHECK(memchr(spec->path, '\0', sizeof(spec->path)) != NULL);
    FUZZ_CHECK((spec->kind == HF_UNIT_KIND_PATH) == (spec->path[0] != '\0'));
    FUZZ_CHECK(spec->kind != HF_UNIT_KIND_PATH || spec->size_bytes == 0);
    FUZZ_CHECK(spec->kind == HF_UNIT_KIND_PATH || spec->cache == HF_CACHE_WRITEBACK);
    FUZZ_CHECK(spec->block_size_bytes == 0 || spec->block_size_bytes == 512 ||
               spec->block_size_bytes == 4096);
    FUZZ_CHECK(spec->fault.reorder <= 65536);
    FUZZ_CHECK(spec->fault.delay_ns <= UINT64_C(3600000000000));
    FUZZ_CHECK(spec->size_bytes <= INT64_MAX);
    check_serial(spec->serial);
}

static bool has_fault_option(const struct hf_fault_spec *fault)
{
    return fault->delay_ns != 0 || fault->reorder != 0 || fault->crash_after != 0 ||
           fault->error_after != 0 || fault->hang_after != 0;
}

static unsigned depth_of(const struct hf_unit_spec *spec)
{
    unsigned reached = FUZZ_DEPTH(DEPTH_UNIT);

    FUZZ_CHECK(spec->fault.present || !has_fault_option(&spec->fault));
    if (spec->read_only || spec->block_size_bytes != 0 || spec->serial[0] != '\0')
        reached |= FUZZ_DEPTH(DEPTH_OPTIONS);
    if (has_fault_option(&spec->fault))
        reached |= FUZZ_DEPTH(DEPTH_FAULT);
    return reached;
}

static void check_size(const char *words)
{
    uint64_t size_bytes;

    if (hf_unit_spec_size(words, &size_bytes) == 0)
        FUZZ_CHECK(*words >= '0' && *words <= '9');
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    size_t length = size_bytes < WORDS_MAX ? size_bytes : WORDS_MAX;
    char *words = fuzz_alloc(length + 1);
    struct hf_error error = { .code = 0 };
    struct hf_unit_spec *spec = fuzz_alloc(sizeof(*spec));
    unsigned reached = 0;

    if (length > 0)
        memcpy(words, bytes, length);
    char *exact = fuzz_copy(words, strlen(words) + 1);
    int result = hf_unit_spec_parse(exact, spec, &error);
    FUZZ_CHECK(result <= 0 && (result < 0) == (error.text[0] != '\0') && result == -error.code);
    FUZZ_CHECK(memchr(error.text, '\0', sizeof(error.text)) != NULL);
    if (result == 0) {
        check_spec(spec);
        reached = depth_of(spec);
    }
    check_size(exact);
    free(exact);
    free(spec);
    free(words);
    return reached;
}

/* The longest word there may be, and one more. */
static void seed_long(void)
{
    struct hf_unit_spec spec;
    char words[sizeof(spec.path) + 8];

    memset(words, 'a', sizeof(words));
    fuzz_seed("longest", words, sizeof(spec.path) - 1);
    fuzz_seed("too-long", words, sizeof(spec.path));
    memcpy(words, "b,", 2);
    fuzz_seed("long-option", words, sizeof(words));
}

static void seeds(void)
{
    static const char *const words[] = {
        "disk.img",
        "disk.img,ro,block-size=4096,serial=ABC-1,cache=none",
        "/dev/vdb,cache=writethrough,block-size=512",
        "a,,b=c,cache=writeback",
        "mem:1G,serial=mem0",
        "null:18446744073709551615",
        "null:16TiB,ro",
        "fault:delay=1ms,reorder=64,disk.img,cache=none",
        "fault:crash-after=100,error-after=5,hang-after=7,mem:64k",
        "fault:delay=10us,./a=b,ro",
        "fault:null:1T",
    };
    char name[16] = "words-a";

    seed_long();
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        name[6] = (char)('a' + i);
        fuzz_seed(name, words[i], strlen(words[i]));
    }
}

const struct fuzz_target fuzz_target = {
    .name = "unit_spec",
    .depths = { "a unit", "with options", "behind a fault unit" },
    .run = run,
    .seeds = seeds,
};
