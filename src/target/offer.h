/* SPDX-License-Identifier: BSD-3-Clause */
/* What this target offers to every front-end: nothing that does not work. */
#ifndef HF_TARGET_OFFER_H
#define HF_TARGET_OFFER_H

#include "session/back.h"
#include "target/options.h"

struct hf_back_offer hf_target_offer(const struct hf_target_options *options);
/* The config space, our trailer behind it, zeros up to the end. */
void hf_target_fill_config(const struct hf_target_options *options, unsigned unit_count,
                           uint8_t config[static HF_WIRE_CONFIG_MAX]);
/* The JSON of --print-capabilities, to standard output. 0 or -errno. */
int hf_target_print_capabilities(const struct hf_target_options *options);

#endif
