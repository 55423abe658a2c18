/* SPDX-License-Identifier: BSD-3-Clause */
/* How many inputs were run and how deep they got; for both drivers of a target. */
#ifndef TESTS_FUZZ_TALLY_H
#define TESTS_FUZZ_TALLY_H

#include "fuzz.h"

void tally_run(const uint8_t *bytes, size_t size_bytes);
/* One line to stdout; false if some depth was never reached. */
bool tally_print(void);

#endif
