/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Front-end and back-end in one process, for ThreadSanitizer. It knows memory by its address: a
 * race in memory that both sides have mapped, each at a place of its own, it cannot see. So who
 * maps a part of a file that is mapped already gets the same place (--wrap=hf_mapping_init and
 * --wrap=hf_mapping_done). It knows nothing of what lies there.
 */
#ifndef TESTS_TARGET_ONE_MAPPING_H
#define TESTS_TARGET_ONE_MAPPING_H

#include <stddef.h>

/* How many mappings were given out a second time and not given back yet. */
size_t one_mapping_shared(void);

#endif
