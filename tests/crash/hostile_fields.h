/* SPDX-License-Identifier: BSD-3-Clause */
/* Every field of the region and every index of the ring, and the values somebody might put there.
 */
#ifndef TESTS_CRASH_HOSTILE_FIELDS_H
#define TESTS_CRASH_HOSTILE_FIELDS_H

#include "world.h"

#define HOSTILE_VALUES 26u

/* Depends on how many entries the region has room for. */
unsigned hostile_field_count(const struct world *world);
/* Sets the field to the value'th value (cut to its width). */
void hostile_set(struct world *world, unsigned field, unsigned value);
const char *hostile_text(unsigned field, unsigned value);

#endif
