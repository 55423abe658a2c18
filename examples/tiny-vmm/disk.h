/* SPDX-License-Identifier: BSD-3-Clause */
/* What the guest has on its disk: each chunk in each generation is different all over. */
#ifndef TINY_DISK_H
#define TINY_DISK_H

#include <stddef.h>
#include <stdint.h>

void disk_fill(uint64_t *words, size_t count, unsigned chunk, uint32_t generation);
/* The generation among oldest..newest that these words are; 0: none of them. */
uint32_t disk_recognise(const uint64_t *words, size_t count, unsigned chunk, uint32_t oldest,
                        uint32_t newest);

#endif
