/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of numbers, each with a value. Grows until it is as large as it may be, then takes no more.
 */
#ifndef SIM_NUMBERS_H
#define SIM_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_numbers {
    uint64_t *keys; /* 0: free */
    uint32_t *values;
    size_t room; /* a power of two; 0: nothing was added yet */
    size_t count;
    size_t room_max;
};

void sim_numbers_init(struct sim_numbers *numbers, size_t room_max);
void sim_numbers_done(struct sim_numbers *numbers);
/* NULL: it is not in. */
const uint32_t *sim_numbers_find(const struct sim_numbers *numbers, uint64_t key);
void sim_numbers_add(struct sim_numbers *numbers, uint64_t key, uint32_t value);

#endif
