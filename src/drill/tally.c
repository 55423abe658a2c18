/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of findings; see tally.h. */
#include "drill/tally.h"

#include "base/text.h"

static const char *const class_names[HF_CLASS_COUNT] = {
    [HF_CLASS_LOST] = "lost",           [HF_CLASS_DUPLICATED] = "duplicated",
    [HF_CLASS_CORRUPTED] = "corrupted", [HF_CLASS_FAILED] = "failed",
    [HF_CLASS_STUCK] = "stuck",
};

static const struct {
    const char *text;
    enum hf_class class;
} rows[HF_FINDING_COUNT] = {
    [HF_FINDING_NONE] = { "nothing", HF_CLASS_LOST },
    [HF_FINDING_LOST] = { "write answered GOOD is not on the disk", HF_CLASS_LOST },
    [HF_FINDING_MISSING] = { "block answered GOOD was never written", HF_CLASS_LOST },
    [HF_FINDING_UNASKED] = { "used element for no outstanding request", HF_CLASS_DUPLICATED },
    [HF_FINDING_REPEATED] = { "older write seen over a newer one", HF_CLASS_DUPLICATED },
    [HF_FINDING_REVERTED] = { "block went back to an older write", HF_CLASS_CORRUPTED },
    [HF_FINDING_STRAY] = { "data of another address or run", HF_CLASS_CORRUPTED },
    [HF_FINDING_DAMAGED] = { "wrong checksum", HF_CLASS_CORRUPTED },
    [HF_FINDING_TORN] = { "parts of different writes", HF_CLASS_CORRUPTED },
    [HF_FINDING_FUTURE] = { "data that was not written yet", HF_CLASS_CORRUPTED },
    [HF_FINDING_LATE] = { "dead VMM's write landed after a look without it", HF_CLASS_CORRUPTED },
    [HF_FINDING_UNFILLED] = { "read answered GOOD without its data", HF_CLASS_CORRUPTED },
    [HF_FINDING_TOUCHED] = { "memory written after completion", HF_CLASS_CORRUPTED },
    [HF_FINDING_OVERRUN] = { "memory beside a buffer written", HF_CLASS_CORRUPTED },
    [HF_FINDING_STATUS] = { "request failed", HF_CLASS_FAILED },
    [HF_FINDING_HANG_UP] = { "relay hung up on its VMM", HF_CLASS_FAILED },
    [HF_FINDING_OVERDUE] = { "request never completed", HF_CLASS_STUCK },
    [HF_FINDING_RING] = { "used ring broken by the device", HF_CLASS_DUPLICATED },
};

const char *hf_class_name(enum hf_class class)
{
    return class_names[class];
}

enum hf_class hf_finding_class(enum hf_finding finding)
{
    return rows[finding].class;
}

const char *hf_finding_text(enum hf_finding finding)
{
    return rows[finding].text;
}

void hf_tally_add(struct hf_tally *tally, enum hf_finding finding, const char *format, ...)
{
    if (finding == HF_FINDING_NONE)
        return;
    tally->classes[rows[finding].class]++;
    tally->findings[finding]++;
    if (tally->note_count == HF_TALLY_NOTES)
        return;
    struct hf_text note = hf_text_of(tally->notes[tally->note_count++], HF_TALLY_NOTE_SIZE);
    va_list arguments;
    hf_text_add(&note, "%s, %s: ", class_names[rows[finding].class], rows[finding].text);
    va_start(arguments, format);
    hf_text_add_v(&note, format, arguments);
    va_end(arguments);
}

bool hf_tally_clean(const struct hf_tally *tally)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < HF_CLASS_COUNT; i++)
        sum += tally->classes[i];
    return sum == 0;
}

enum hf_verdict hf_verdict_of(const struct hf_tally *tally, unsigned kills, unsigned hits)
{
    if (!hf_tally_clean(tally))
        return HF_VERDICT_HARMED;
    if (kills == 0 || (uint64_t)hits * 10 < (uint64_t)kills * 9)
        return HF_VERDICT_INCONCLUSIVE;
    return HF_VERDICT_CLEAN;
}

const char *hf_verdict_name(enum hf_verdict verdict)
{
    static const char *const names[HF_VERDICT_COUNT] = {
        [HF_VERDICT_CLEAN] = "clean",
        [HF_VERDICT_HARMED] = "harmed",
        [HF_VERDICT_INCONCLUSIVE] = "inconclusive",
    };

    return names[verdict];
}

int hf_verdict_exit_code(enum hf_verdict verdict)
{
    static const int codes[HF_VERDICT_COUNT] = { 0, 1, 2 };

    return codes[verdict];
}
