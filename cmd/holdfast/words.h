/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of the command line as values. What is none ends the program with a line that says what is
 * possible (argp_error), or is an error with a sentence. */
#ifndef HF_CMD_WORDS_H
#define HF_CMD_WORDS_H

#include "base/error.h"

#include <argp.h>
#include <stdint.h>

/* The value of --name=word. */
uint64_t word_number(const char *name, const char *word, uint64_t first, uint64_t last,
                     struct argp_state *state);
/* A multiple of 512, with k, m, g or t, or their capitals. */
uint64_t word_bytes(const char *name, const char *word, uint64_t first, uint64_t last,
                    struct argp_state *state);
/* 0, or -errno with a sentence: a clear word before the first try, as redialling would only wait
 * for better times. */
int word_check_socket(const char *path, struct hf_error *error);

#endif
