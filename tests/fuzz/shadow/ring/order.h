/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands before src/ring/order.h in the include path of two fuzz targets: the same primitives, and
 * a word to the target after every access to shared memory. The peer may change what was just read
 * (read it twice and you are wrong), and the process may die after any store.
 */
#ifndef TESTS_FUZZ_SHADOW_ORDER_H
#define TESTS_FUZZ_SHADOW_ORDER_H

#define hf_order_load_u8     real_order_load_u8
#define hf_order_load_u16    real_order_load_u16
#define hf_order_load_u32    real_order_load_u32
#define hf_order_load_u64    real_order_load_u64
#define hf_order_acquire_u16 real_order_acquire_u16
#define hf_order_store_u16   real_order_store_u16
#define hf_order_store_u32   real_order_store_u32
#define hf_order_store_u64   real_order_store_u64
#define hf_order_release_u8  real_order_release_u8
#define hf_order_release_u16 real_order_release_u16
#define hf_order_or_u8       real_order_or_u8
#include "../../../../src/ring/order.h"
#undef hf_order_load_u8
#undef hf_order_load_u16
#undef hf_order_load_u32
#undef hf_order_load_u64
#undef hf_order_acquire_u16
#undef hf_order_store_u16
#undef hf_order_store_u32
#undef hf_order_store_u64
#undef hf_order_release_u8
#undef hf_order_release_u16
#undef hf_order_or_u8

#include <stddef.h>

void shared_loaded(const void *from, size_t size_bytes);
/* Need not return. */
void shared_stored(void);

#define SHADOW_LOAD(name, type)                                                                    \
    static inline type hf_order_##name(const type *from)                                           \
    {                                                                                              \
        type value = real_order_##name(from);                                                      \
                                                                                                   \
        shared_loaded(from, sizeof(value));                                                        \
        return value;                                                                              \
    }

#define SHADOW_STORE(name, type)                                                                   \
    static inline void hf_order_##name(type *to, type value)                                       \
    {                                                                                              \
        real_order_##name(to, value);                                                              \
        shared_stored();                                                                           \
    }

SHADOW_LOAD(load_u8, uint8_t)
SHADOW_LOAD(load_u16, uint16_t)
SHADOW_LOAD(load_u32, uint32_t)
SHADOW_LOAD(load_u64, uint64_t)
SHADOW_LOAD(acquire_u16, uint16_t)
SHADOW_STORE(store_u16, uint16_t)
SHADOW_STORE(store_u32, uint32_t)
SHADOW_STORE(store_u64, uint64_t)
SHADOW_STORE(release_u8, uint8_t)
SHADOW_STORE(release_u16, uint16_t)
SHADOW_STORE(or_u8, uint8_t)

#endif
