/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration of holdfast-relay (holdfast-relay.json(5)): devices with the words of the
 * command line, defaults of all of them at the top. Read whole, judged whole: a bad one changes
 * nothing.
 */
#ifndef HF_RELAY_CONFIG_H
#define HF_RELAY_CONFIG_H

#include "base/error.h"
#include "relay/setup.h"

struct hf_relay_config {
    char control_path[HF_STREAM_PATH_SIZE]; /* empty: not given */
    struct hf_relay_setup *setups;          /* finished */
    unsigned count;
};

/* 0, or -errno with a sentence that names file, device, member and what would be right. Then there
 * is nothing to be done with. */
int hf_relay_config_read(struct hf_relay_config *config, const char *path, struct hf_error *error);
void hf_relay_config_done(struct hf_relay_config *config);

#endif
