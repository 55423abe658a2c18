/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stands before src/ring/order.h in the include path of the crash test only: the same primitives,
 * and after every store a moment in which the process may die. The product has no hook.
 */
#ifndef TESTS_UNIT_RING_SHADOW_ORDER_H
#define TESTS_UNIT_RING_SHADOW_ORDER_H

#define hf_order_store_u16   real_order_store_u16
#define hf_order_store_u32   real_order_store_u32
#define hf_order_store_u64   real_order_store_u64
#define hf_order_release_u8  real_order_release_u8
#define hf_order_release_u16 real_order_release_u16
#define hf_order_or_u8       real_order_or_u8
#include "../../../../../src/ring/order.h"
#undef hf_order_store_u16
#undef hf_order_store_u32
#undef hf_order_store_u64
#undef hf_order_release_u8
#undef hf_order_release_u16
#undef hf_order_or_u8

/* Does not return if this is the store to die after. */
void crash_point(void);

static inline void hf_order_store_u16(uint16_t *to, uint16_t value)
{
    real_order_store_u16(to, value);
    crash_point();
}

static inline void hf_order_store_u32(uint32_t *to, uint32_t value)
{
    real_order_store_u32(to, value);
    crash_point();
}

static inline void hf_order_store_u64(uint64_t *to, uint64_t value)
{
    real_order_store_u64(to, value);
    crash_point();
}

static inline void hf_order_release_u8(uint8_t *to, uint8_t value)
{
    real_order_release_u8(to, value);
    crash_point();
}

static inline void hf_order_release_u16(uint16_t *to, uint16_t value)
{
    real_order_release_u16(to, value);
    crash_point();
}

static inline void hf_order_or_u8(uint8_t *to, uint8_t bits)
{
    real_order_or_u8(to, bits);
    crash_point();
}

#endif
