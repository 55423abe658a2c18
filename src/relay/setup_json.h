/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a device as members of a JSON object: of a configuration, or of a call of `add`. */
#ifndef HF_RELAY_SETUP_JSON_H
#define HF_RELAY_SETUP_JSON_H

#include "relay/setup.h"

#include <jansson.h>

/* Whose object it is says which words it may have. */
enum hf_relay_json_of {
    HF_RELAY_JSON_OF_DEVICE,
    HF_RELAY_JSON_OF_ALL, /* defaults of all devices; "control" and "devices" are the caller's */
    HF_RELAY_JSON_OF_COUNT
};

/* Changes `setup` by what the object says. 0, or -EINVAL with a sentence that names the member. */
int hf_relay_setup_json(struct hf_relay_setup *setup, const json_t *object,
                        enum hf_relay_json_of of, struct hf_error *error);

#endif
