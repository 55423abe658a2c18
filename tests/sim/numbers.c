/* SPDX-License-Identifier: BSD-3-Clause */
/* Open addressing, at most half full. The keys are mixed well already. */
#include "numbers.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 1024u

void sim_numbers_init(struct sim_numbers *numbers, size_t room_max)
{
    memset(numbers, 0, sizeof(*numbers));
    numbers->room_max = room_max;
}

void sim_numbers_done(struct sim_numbers *numbers)
{
    free(numbers->keys);
    free(numbers->values);
}

static uint64_t key_of(uint64_t key)
{
    return key == 0 ? 1 : key;
}

static size_t place_of(const struct sim_numbers *numbers, uint64_t key)
{
    size_t at = key & (numbers->room - 1);

    while (numbers->keys[at] != 0 && numbers->keys[at] != key)
        at = (at + 1) & (numbers->room - 1);
    return at;
}

const uint32_t *sim_numbers_find(const struct sim_numbers *numbers, uint64_t key)
{
    if (numbers->room == 0)
        return NULL;
    size_t at = place_of(numbers, key_of(key));
    return numbers->keys[at] == 0 ? NULL : &numbers->values[at];
}

static void put(struct sim_numbers *numbers, uint64_t key, uint32_t value)
{
    size_t at = place_of(numbers, key);

    numbers->count += numbers->keys[at] == 0;
    numbers->keys[at] = key;
    numbers->values[at] = value;
}

static bool grow(struct sim_numbers *numbers)
{
    struct sim_numbers larger = { .room = numbers->room == 0 ? ROOM_FIRST : 2 * numbers->room,
                                  .room_max = numbers->room_max };

    if (larger.room > numbers->room_max)
        return false;
    larger.keys = calloc(larger.room, sizeof(*larger.keys));
    larger.values = calloc(larger.room, sizeof(*larger.values));
    if (larger.keys == NULL || larger.values == NULL) {
        sim_numbers_done(&larger);
        return false;
    }
    for (size_t i = 0; i < numbers->room; i++)
        if (numbers->keys[i] != 0)
            put(&larger, numbers->keys[i], numbers->values[i]);
    sim_numbers_done(numbers);
    *numbers = larger;
    return true;
}

void sim_numbers_add(struct sim_numbers *numbers, uint64_t key, uint32_t value)
{
    if (2 * (numbers->count + 1) > numbers->room && !grow(numbers))
        return;
    put(numbers, key_of(key), value);
}
