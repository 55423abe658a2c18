/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device sends and tells, in one order and in full, a line each: "-> REM_MEM_REG
 * [guest=...",
 * "<- REM_MEM_REG reply 0", "event MEMORY_RELEASED". And a board for its back-ends. One at a time.
 */
#ifndef TESTS_DEVICE_STORY_H
#define TESTS_DEVICE_STORY_H

#include "../frontend/rig.h"

#define STORY_LINES_MAX 2000
#define STORY_LINE_SIZE 240

struct story {
    char lines[STORY_LINES_MAX][STORY_LINE_SIZE];
    unsigned count;
    struct backend_board *board;
};
extern struct story story;

/* Setup and teardown of a test: a rig whose device is listened to. */
int story_begin(void **state);
int story_end(void **state);
/* A device of the usual kind with rig->ops as they are now. */
void story_make_device(struct rig *rig);
void story_forget(void); /* what was written so far */
/* How many lines begin so. */
unsigned story_times(const char *beginning);
/* Number of the first line that begins so, behind line `after`; there must be one. */
unsigned story_find(const char *beginning, unsigned after);
/* The same from the beginning. */
unsigned story_first(const char *beginning);
/* Dispatches until so many lines begin so. */
void story_until(struct rig *rig, const char *beginning, unsigned times);

/* A back-end with the board; `script` may be NULL. */
pid_t story_backend(const struct rig *rig, struct backend_script *script);

#define STORY(test) cmocka_unit_test_setup_teardown(test, story_begin, story_end)

#endif
