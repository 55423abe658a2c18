/* SPDX-License-Identifier: BSD-3-Clause */
/* Error object with the chain of causes in one sentence. */
#include "base/error.h"

#include "base/text.h"

#include <string.h>

int hf_error_set(struct hf_error *error, int code, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return -code;
    error->code = code;
    struct hf_text text = hf_text_of(error->text, sizeof(error->text));
    va_start(arguments, format);
    hf_text_add_v(&text, format, arguments);
    va_end(arguments);
    return -code;
}

void hf_error_prefix(struct hf_error *error, const char *format, ...)
{
    char cause[HF_ERROR_TEXT_SIZE];
    va_list arguments;

    if (error == NULL)
        return;
    memcpy(cause, error->text, sizeof(cause));
    struct hf_text text = hf_text_of(error->text, sizeof(error->text));
    va_start(arguments, format);
    hf_text_add_v(&text, format, arguments);
    va_end(arguments);
    hf_text_add(&text, ": %s", cause);
}

void hf_error_clear(struct hf_error *error)
{
    if (error == NULL)
        return;
    error->code = 0;
    error->text[0] = '\0';
}
