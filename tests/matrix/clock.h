/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The time of the matrix. It passes only where the test lets it pass: the device's clock and its
 * poll are wrapped by the linker. So silence costs nothing, and nothing depends on the machine.
 */
#ifndef MATRIX_CLOCK_H
#define MATRIX_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define MX_US UINT64_C(1000)
#define MX_MS UINT64_C(1000000)
#define MX_S  UINT64_C(1000000000)

void mx_clock_pass(uint64_t duration_ns);
/* What a call of the device that polls waits with: the world goes on, for at most so long. */
void mx_clock_set_waiter(void (*wait)(void *context, uint64_t limit_ns), void *context);

#endif
