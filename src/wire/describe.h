/* SPDX-License-Identifier: BSD-3-Clause */
/* A message as one line for a protocol trace, with names and values: what --trace prints. */
#ifndef HF_WIRE_DESCRIBE_H
#define HF_WIRE_DESCRIBE_H

#include "base/text.h"
#include "wire/message.h"

/* Room enough for any line. */
#define HF_MESSAGE_LINE_SIZE 1024

/* "SET_VRING_NUM", "request 4711". */
void hf_message_describe_name(const struct hf_message *message, struct hf_text *text);

/* "SET_VRING_NUM ring=2 num=128 need_reply", "GET_FEATURES reply 0x170000000 VERSION_1 ...". */
void hf_message_describe(const struct hf_message *message, struct hf_text *text);

#endif
