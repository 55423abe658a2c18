/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a drill happens: a fresh folder with sockets, logs and, unless it is somebody else's
 * back-end with its own disk, a fresh file; the command that serves it, and that of the relay
 * before it. All removed at the end.
 */
#ifndef HF_DRILL_SCENE_H
#define HF_DRILL_SCENE_H

#include "base/error.h"
#include "drill/drill.h"

#include <limits.h>

#define HF_SCENE_WORDS       5u
#define HF_SCENE_RELAY_WORDS 5u

struct hf_scene {
    char folder[PATH_MAX]; /* empty: not made */
    char socket_path[PATH_MAX + 16];
    char file_path[PATH_MAX + 16];
    char log_path[PATH_MAX + 16];
    char program[PATH_MAX]; /* our own target */
    char queues[32];        /* its options */
    char unit[PATH_MAX + 32];
    char *words[HF_SCENE_WORDS];
    char *const *command; /* what is to be run, with {socket} and so on in it */
    /* With a relay: a device for each front-end, in a configuration; its {socket} is for control.
     */
    char front_paths[HF_DRILL_FRONT_ENDS_MAX][PATH_MAX + 16];
    char relay_config_path[PATH_MAX + 16];
    char relay_control_path[PATH_MAX + 16];
    char relay_log_path[PATH_MAX + 16];
    char relay_program[PATH_MAX];
    char relay_config_word[PATH_MAX + 32];
    char *relay_command[HF_SCENE_RELAY_WORDS]; /* empty: there is no relay */
};

/* 0, or -errno with a sentence. */
int hf_scene_make(struct hf_scene *scene, const struct hf_drill_settings *settings,
                  struct hf_error *error);
void hf_scene_remove(struct hf_scene *scene);
/* Where a front-end connects. */
const char *hf_scene_front_path(const struct hf_scene *scene, unsigned front_end);
/* Puts the last line that the back-end, or the relay, logged behind the text of *error. */
void hf_scene_add_log(const struct hf_scene *scene, struct hf_error *error);
void hf_scene_add_relay_log(const struct hf_scene *scene, struct hf_error *error);

#endif
