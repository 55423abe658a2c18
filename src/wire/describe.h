/* SPDX-License-Identifier: BSD-3-Clause */
/* A message as one line for a protocol trace: name and values, nothing a guest wrote. */
#ifndef HF_WIRE_DESCRIBE_H
#define HF_WIRE_DESCRIBE_H

#include "base/text.h"
#include "wire/message.h"

/* "SET_VRING_NUM index 2 num 128, need_reply", "GET_FEATURES reply 0x150000000". */
void hf_message_describe(const struct hf_message *message, struct hf_text *text);

#endif
