/* SPDX-License-Identifier: BSD-3-Clause */
/* What HF_CHECK does: says where and what, stops the program. No allocation, no stdio. */
#include "base/check.h"

#include "base/text.h"

#include <stdlib.h>
#include <unistd.h>

_Noreturn void hf_check_failed(const char *file, int line, const char *what)
{
    char sentence[512];
    struct hf_text text = hf_text_of(sentence, sizeof(sentence));

    hf_text_add(&text, "holdfast: a check failed, which is a bug: %s (%s:%d)\n", what, file, line);
    ssize_t written = write(STDERR_FILENO, text.start, text.length);
    (void)written; /* nobody is left to tell */
    abort();
}
