/* SPDX-License-Identifier: BSD-3-Clause */
/* One line for a protocol message, with names and values: what --trace prints. */
#ifndef HF_TARGET_TRACE_H
#define HF_TARGET_TRACE_H

#include "base/text.h"
#include "wire/message.h"

#define HF_TRACE_LINE_SIZE 1024

/* "SET_VRING_NUM ring=2 num=128 need_reply", "GET_FEATURES reply 0x170000000 (VERSION_1 ...)". */
void hf_trace_message(struct hf_text *text, const struct hf_message *message);

#endif
