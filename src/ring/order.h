/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The five ways to touch memory that somebody else changes at the same time. Nothing else in this
 * project does: rings, in-flight regions and whatever else is shared with another process or thread
 * is read and written through these.
 *
 *   load      once: the compiler reads it exactly one time. No order. Read, then judge the copy.
 *   store     once: the compiler writes it exactly one time, untorn. No order.
 *   acquire   a load; what follows in program order is read after it. Pairs with release: what the
 *             other side wrote before its release is seen.
 *   release   a store; what came before it in program order, loads and stores, is done before it.
 *             Two releases stay in order, for a reader and for a SIGKILL between them.
 *   or        sets bits in a byte while others set and clear bits in it; a release besides: who
 * takes the bit away (with acquire) sees what was written before it was set. Also where it was set
 * already: a look would not do, since it may overtake the store it is about. fence     everything
 * before is done before anything after. Needed only between a store and a later load of something
 * else: "I told you to wake me; did you put something in while I was telling you?" Each side
 * stores, fences, then loads; without it both may miss.
 *
 * All take naturally aligned pointers.
 */
#ifndef HF_RING_ORDER_H
#define HF_RING_ORDER_H

#include <stdint.h>

#if defined(__SANITIZE_THREAD__)
#define HF_ORDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HF_ORDER_TSAN 1
#endif
#endif

static inline uint8_t hf_order_load_u8(const uint8_t *from)
{
    return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline uint16_t hf_order_load_u16(const uint16_t *from)
{
    return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline uint32_t hf_order_load_u32(const uint32_t *from)
{
    return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline uint64_t hf_order_load_u64(const uint64_t *from)
{
    return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline void hf_order_store_u16(uint16_t *to, uint16_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline void hf_order_store_u32(uint32_t *to, uint32_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline void hf_order_store_u64(uint64_t *to, uint64_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline uint16_t hf_order_acquire_u16(const uint16_t *from)
{
    return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline void hf_order_release_u8(uint8_t *to, uint8_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static inline void hf_order_release_u16(uint16_t *to, uint16_t value)
{
    __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static inline void hf_order_or_u8(uint8_t *to, uint8_t bits)
{
    __atomic_fetch_or(to, bits, __ATOMIC_RELEASE);
}

static inline void hf_order_fence(void)
{
#ifdef HF_ORDER_TSAN
    /* TSan knows no fences; an atomic read-modify-write is one for the processors it runs on. */
    uint32_t nothing = 0;

    __atomic_fetch_add(&nothing, 1, __ATOMIC_SEQ_CST);
    __asm__ volatile("" : : "r"(&nothing) : "memory");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
