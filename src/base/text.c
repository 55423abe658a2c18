/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded text. Knows nothing of where it goes. */
#include "base/text.h"

#include "base/check.h"

#include <stdio.h>

struct hf_text hf_text_of(char *buffer, size_t capacity)
{
    HF_CHECK(capacity > 0);
    buffer[0] = '\0';
    return (struct hf_text){ .start = buffer, .capacity = capacity };
}

void hf_text_add_v(struct hf_text *text, const char *format, va_list arguments)
{
    size_t room = text->capacity - text->length;
    int wanted = vsnprintf(text->start + text->length, room, format, arguments);

    if (wanted < 0) { /* what it had written until then is not part of the text */
        text->start[text->length] = '\0';
        return;
    }
    text->length += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

void hf_text_add(struct hf_text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    hf_text_add_v(text, format, arguments);
    va_end(arguments);
}
