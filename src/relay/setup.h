/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How one device is to be, from words: the same ones on the command line, in the configuration and
 * in a call of `add`. One table says what each may be. Opens nothing.
 */
#ifndef HF_RELAY_SETUP_H
#define HF_RELAY_SETUP_H

#include "base/error.h"
#include "os/stream.h"
#include "relay/device.h"

#include <stdbool.h>
#include <stdint.h>

#define HF_RELAY_FOLDER_SIZE  256u
#define HF_RELAY_COMMAND_SIZE 1024u

struct hf_relay_setup {
    char name[HF_RELAY_NAME_SIZE];
    char listen_path[HF_STREAM_PATH_SIZE];
    int fd;       /* the VMM's side, listening or connected; -1: listen_path */
    int given_fd; /* from the service manager, and before listen_path; -1: none */
    unsigned backend_count;
    char backends[HF_RELAY_BACKENDS_MAX][HF_STREAM_PATH_SIZE];
    const struct hf_relay_type *type;
    enum hf_fence fence;
    char fence_command[HF_RELAY_COMMAND_SIZE];
    char state_folder[HF_RELAY_FOLDER_SIZE];
    uint32_t socket_mode;
    uint64_t reply_timeout_ns;
    uint64_t stop_wait_ns;
    uint64_t hang_after_ns;
    uint64_t wait_ns;
    bool allow_lossy;
};

enum hf_relay_word_use {
    HF_RELAY_WORD_SHARED, /* may also be a default of many devices */
    HF_RELAY_WORD_OWN,    /* of one device only */
    HF_RELAY_WORD_LINE,   /* of the command line only */
    HF_RELAY_WORD_USE_COUNT
};

struct hf_relay_word {
    const char *name;
    const char *argument; /* NULL: takes none, it is said or not */
    enum hf_relay_word_use use;
    const char *help;
    /* 0, or -errno and what is wrong with `word` (not its name). */
    int (*take)(struct hf_relay_setup *setup, const char *word, struct hf_error *error);
};

/* NULL behind the last. */
const struct hf_relay_word *hf_relay_word_at(unsigned index);
/* NULL: no such word. */
const struct hf_relay_word *hf_relay_word_of(const char *name);

/* No name, no socket, the default of all else. */
void hf_relay_setup_init(struct hf_relay_setup *setup);
/* Gives it a name if it has none, and judges what only the whole shows, but for a socket for the
 * VMM, which may come from elsewhere. 0, or -EINVAL with a sentence that names the word that is
 * missing or too much. */
int hf_relay_setup_finish(struct hf_relay_setup *setup, struct hf_error *error);
/* All words but the descriptors. */
bool hf_relay_setup_same(const struct hf_relay_setup *a, const struct hf_relay_setup *b);

/* `state_path` is memory for that path. The result points into `setup` and there, and has its
 * descriptors, of which it finds out whether they listen. -EINVAL: one is of the wrong kind. */
#define HF_RELAY_STATE_PATH_SIZE (HF_RELAY_FOLDER_SIZE + HF_RELAY_NAME_SIZE + sizeof("/.state"))
int hf_relay_setup_config(const struct hf_relay_setup *setup,
                          char state_path[HF_RELAY_STATE_PATH_SIZE],
                          struct hf_relay_device_config *config, struct hf_error *error);

#endif
