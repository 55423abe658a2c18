/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process that is killed: maps the world that lies behind descriptor 3, lives one life of a
 * device on it, and says by two signals where that begins and ends. Those who step through it
 * catch the signals; nobody else may start it.
 */
#include "life.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#define WORLD_FD 3

int main(void)
{
    static struct life life;
    void *world = mmap(NULL, sizeof(struct world), PROT_READ | PROT_WRITE, MAP_SHARED, WORLD_FD, 0);

    if (world == MAP_FAILED) {
        perror("victim: the world");
        return 2;
    }
    life_prepare(&life, world);
    raise(SIGUSR1);
    bool good = life_run(&life);
    raise(SIGUSR1);
    if (!good)
        fprintf(stderr, "victim: %s\n", life.complaint);
    return good ? 0 : 1;
}
