/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tiny-vmm: a virtual machine monitor without a processor. It has what a VMM has around
 * libholdfast, memory, rings, registers, notifications, and a guest that is part of this program;
 * with it, it plays scenes against a back-end. It uses the installed headers of libholdfast only.
 */
#include "say.h"
#include "scenes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scene {
    const char *name;
    const char *what;
    void (*play)(struct place *place);
};

static const struct scene scenes[] = {
    { "io", "a load; kicks and interrupts by eventfds, past the VMM", scene_io },
    { "trapped", "a load; the VMM passes kicks and interrupts on", scene_trapped },
    { "mask", "interrupts that are masked come later", scene_mask },
    { "pause", "the VM is paused and resumed under load", scene_pause },
    { "pause-death", "the back-end dies before and during a pause", scene_pause_death },
    { "reset", "the guest is reset under load", scene_reset },
    { "reset-away", "the guest is reset while the back-end is dead", scene_reset_away },
    { "hotplug", "memory comes and goes under load", scene_hotplug },
    { "move", "saved and loaded into another device, on the same memory", scene_move },
    { "move-crash", "the same after the back-end died", scene_move_crash },
    { "log", "the dirty log is right, page by page", scene_log },
    { "migrate", "memory is copied by the dirty log, then the machine moves", scene_migrate },
};

#define SCENE_COUNT (sizeof(scenes) / sizeof(scenes[0]))

static int list(void)
{
    for (unsigned i = 0; i < SCENE_COUNT; i++)
        printf("%-12s %s\n", scenes[i].name, scenes[i].what);
    return 0;
}

static int usage(FILE *to)
{
    fprintf(to, "Usage: tiny-vmm SOCKET SCENE [SEED [REQUESTS]]\n"
                "       tiny-vmm --list\n"
                "Plays a scene with the vhost-user-scsi back-end at SOCKET. What is on its first "
                "disk is lost.\nThe back-end may be killed and started again at any moment; lines "
                "that begin with DO ask for it.\n");
    return to == stdout ? 0 : 2;
}

static unsigned count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    if (folder == NULL)
        fail("no /proc");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static int play(const struct scene *scene, struct place *place)
{
    unsigned before = count_descriptors();

    say("scene %s, seed %llu, %llu requests", scene->name, (unsigned long long)place->seed,
        (unsigned long long)place->requests);
    scene->play(place);
    unsigned after = count_descriptors();
    if (after != before)
        fail("%u descriptors at the beginning, %u at the end", before, after);
    say("OK");
    return 0;
}

int main(int argc, char **argv)
{
    static struct place place;

    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(stdout);
    if (argc < 3 || argc > 5)
        return usage(stderr);
    place.socket_path = argv[1];
    place.seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    place.requests = argc > 4 ? strtoull(argv[4], NULL, 0) : 2000;
    for (unsigned i = 0; i < SCENE_COUNT; i++) {
        if (strcmp(argv[2], scenes[i].name) == 0)
            return play(&scenes[i], &place);
    }
    fprintf(stderr, "tiny-vmm: no scene \"%s\": see --list\n", argv[2]);
    return 2;
}
