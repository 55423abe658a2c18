/* SPDX-License-Identifier: BSD-3-Clause */
/* A sentence in memory of fixed size: appends, cuts at the end, always ends in NUL. */
#ifndef HF_BASE_TEXT_H
#define HF_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

struct hf_text {
    char *start;
    size_t capacity; /* at least 1 */
    size_t length;   /* without the NUL; < capacity */
};

/* Borrows `buffer`; the text is empty afterwards. */
struct hf_text hf_text_of(char *buffer, size_t capacity);
void hf_text_add(struct hf_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hf_text_add_v(struct hf_text *text, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

#endif
