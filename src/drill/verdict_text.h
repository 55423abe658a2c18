/* SPDX-License-Identifier: BSD-3-Clause */
/* What a drill found, for people and for programs. Runs nothing. */
#ifndef HF_DRILL_VERDICT_TEXT_H
#define HF_DRILL_VERDICT_TEXT_H

#include "drill/drill.h"

#include <stdio.h>

void hf_drill_print_text(FILE *out, const struct hf_drill_settings *settings,
                         const struct hf_drill_outcome *outcome);
/* One object, one line; with each kill by itself, if `each`. -ENOMEM. */
int hf_drill_print_json(FILE *out, const struct hf_drill_settings *settings,
                        const struct hf_drill_outcome *outcome, bool each);

#endif
