/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens the units of a target. The same medium twice would wait for its own lock for ever, and two
 * disks that share their blocks are nothing a guest can use: refused, unless nobody writes.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "target/target.h"
#include "target/target_parts.h"
#include "target/unit.h"
#include "target/unit_spec.h"

struct medium {
    bool shared; /* has an identity: a file or block device */
    dev_t device;
    ino_t inode;
};

static struct medium medium_of(const char *words)
{
    struct hf_unit_spec spec;
    struct stat facts;

    if (hf_unit_spec_parse(words, &spec, NULL) < 0 || spec.kind != HF_UNIT_KIND_PATH ||
        stat(spec.path, &facts) < 0)
        return (struct medium){ 0 };
    if (S_ISBLK(facts.st_mode)) /* any node of the same device */
        return (struct medium){ .shared = true, .device = facts.st_rdev };
    return (struct medium){ .shared = true, .device = facts.st_dev, .inode = facts.st_ino };
}

static bool same_medium(const struct medium *a, const struct medium *b)
{
    return a->shared && b->shared && a->device == b->device && a->inode == b->inode;
}

static int judge(const struct hf_target *target, const struct medium *media, unsigned last,
                 struct hf_error *error)
{
    for (unsigned i = 0; i < last; i++) {
        bool written = !target->units[i]->facts.read_only || !target->units[last]->facts.read_only;
        if (written && same_medium(&media[i], &media[last]))
            return hf_error_set(error, EINVAL,
                                "unit '%s': is the same as unit '%s': name it once, or both "
                                "with ',ro'",
                                target->options->units[last], target->options->units[i]);
    }
    return 0;
}

int hf_target_open_units(struct hf_target *target, struct hf_error *error)
{
    struct medium *media = calloc(target->options->unit_count, sizeof(*media));
    int failed = media ? 0 : hf_error_set(error, ENOMEM, "no memory");

    for (unsigned i = 0; i < target->options->unit_count && failed == 0; i++) {
        target->units[i] = hf_unit_open(target->options->units[i], i, error);
        if (!target->units[i]) {
            failed = error->code ? -error->code : -EINVAL;
            break;
        }
        target->unit_count++;
        media[i] = medium_of(target->options->units[i]);
        failed = judge(target, media, i, error);
    }
    free(media);
    return failed;
}
