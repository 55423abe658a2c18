/* SPDX-License-Identifier: BSD-3-Clause */
/* How a number is made of words, and names in place of numbers that only differ. */
#include "state.h"

#include <string.h>

#define SECRET_A UINT64_C(0xa0761d6478bd642f)
#define SECRET_B UINT64_C(0xe7037ed1a0b428db)
#define SECRET_C UINT64_C(0x8ebc6af09c88c6e3)

/* The 128 bits of a product, folded: every bit of one reaches every bit of the other. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void sim_state_mix(struct sim_reading *reading, uint64_t word)
{
    reading->number = fold(word ^ SECRET_A, reading->number ^ SECRET_B) ^ (word << 1);
}

/* Two halves at a time, because one would have to wait for its own product each time. */
void sim_state_mix_bytes(struct sim_reading *reading, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint64_t other = size, word[4];

    for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
        memcpy(word, at, sizeof(word));
        reading->number = fold(word[0] ^ SECRET_A, word[1] ^ reading->number);
        other = fold(word[2] ^ SECRET_C, word[3] ^ other);
    }
    memset(word, 0, sizeof(word));
    memcpy(word, at, size);
    for (unsigned i = 0; i * sizeof(word[0]) < size; i++)
        sim_state_mix(reading, word[i]);
    sim_state_mix(reading, other);
}

uint64_t sim_state_from_now(const struct sim_reading *reading, uint64_t at_ns)
{
    return at_ns == 0 ? 0 : at_ns - reading->world->now_ns;
}

void sim_state_shift(const struct sim_reading *reading, uint64_t *address)
{
    if (*address != 0)
        *address -= reading->world->vmm.set_ups * SIM_VMM_RINGS_STRIDE;
}

/* ---- names ----------------------------------------------------------------------------------- */

void sim_state_mix_object(struct sim_reading *reading, unsigned *object)
{
    if (*object != 0 && reading->names[*object] == 0) {
        reading->objects[reading->object_count++] = (uint16_t)*object;
        reading->names[*object] = (uint16_t)reading->object_count;
    }
    sim_state_mix(reading, reading->names[*object]);
    *object = 0;
}

void sim_state_mix_fd(struct sim_reading *reading, int *fd)
{
    const struct sim_fds *fds = &reading->world->fds;
    int at = *fd - SIM_FDS_FIRST;

    if (*fd == -1) {
        sim_state_mix(reading, 0);
        *fd = 0;
        return;
    }
    *fd = 0;
    if (at < 0 || at >= fds->count || !fds->list[at].open ||
        (reading->held[at / 64] & UINT64_C(1) << at % 64) != 0) {
        reading->is_strange = true;
        return;
    }
    reading->held[at / 64] |= UINT64_C(1) << at % 64;
    reading->held_count++;
    unsigned object = fds->list[at].object;
    sim_state_mix_object(reading, &object);
}

/* 0: of none. */
uint32_t sim_state_dial(const struct sim_reading *reading, uint32_t dial)
{
    return dial == 0 ? 0 : 1 + reading->world->front.last_dial - dial;
}

unsigned sim_state_name_process(struct sim_reading *reading, unsigned id)
{
    unsigned future = id - reading->world->process_count;

    if (id >= reading->world->process_count)
        return SIM_PROCESSES_MAX + future;
    if (reading->process_names[id] == 0) {
        reading->processes[reading->process_count++] = (uint8_t)id;
        reading->process_names[id] = (uint8_t)reading->process_count;
    }
    return reading->process_names[id];
}

/* Sessions of a process are told apart, and from the present one. */
uint32_t sim_state_session(const struct sim_reading *reading, unsigned process, uint32_t session)
{
    if (process >= reading->world->process_count)
        return session;
    return reading->world->processes[process].peer.session - session;
}

uint16_t sim_state_index(const struct sim_reading *reading, unsigned queue, uint16_t index)
{
    return (uint16_t)(index - reading->index_base[queue]);
}
