/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second kind of wrong: the system. A function that can fail returns -errno and fills the
 * error object its caller gave; each caller on the way up may put its own words before it:
 * "unable to start vhost-user-scsi: error setting in-flight region: Bad file descriptor".
 * Contract: ret < 0 if and only if the text is set. NULL is allowed everywhere (nobody listens).
 */
#ifndef HF_BASE_ERROR_H
#define HF_BASE_ERROR_H

#include "holdfast/error.h"

/* Replaces what was there. Returns -code, so that `return hf_error_set(...)` reads well. */
int hf_error_set(struct hf_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "words: " before the text. */
void hf_error_prefix(struct hf_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hf_error_clear(struct hf_error *error);

#endif
