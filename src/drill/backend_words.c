/* SPDX-License-Identifier: BSD-3-Clause */
/* From a command with placeholders to the words that are run. Starts nothing. */
#include "drill/backend.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *place;
    const char *option; /* of our own target */
    const char *fd;
} stamp_rows[HF_BACKEND_STAMP_COUNT] = {
    [HF_BACKEND_STAMP_LISTENING] = { "{ready-fd}", "--ready-fd={ready-fd}", "3" },
    [HF_BACKEND_STAMP_LOCK] = { "{lock-fd}", "--lock-fd={lock-fd}", "4" },
};

_Static_assert(HF_BACKEND_STAMP_FD + HF_BACKEND_STAMP_LISTENING == 3 &&
                   HF_BACKEND_STAMP_FD + HF_BACKEND_STAMP_LOCK == 4,
               "the numbers above");

struct placeholder {
    const char *name;
    const char *value; /* NULL: there is none */
    bool used;
};

static struct placeholder *match(struct placeholder *places, const char *at)
{
    for (; places->name != NULL; places++) {
        if (strncmp(at, places->name, strlen(places->name)) == 0)
            return places;
    }
    return NULL;
}

static char *expand(const char *word, struct placeholder *places, struct hf_error *error)
{
    char buffer[2 * PATH_MAX];
    struct hf_text text = hf_text_of(buffer, sizeof(buffer));

    while (*word != 0) {
        struct placeholder *place = match(places, word);
        if (place == NULL) {
            hf_text_add(&text, "%c", *word++);
            continue;
        }
        if (place->value == NULL) {
            hf_error_set(error, EINVAL, "%s in the command, but there is none", place->name);
            return NULL;
        }
        place->used = true;
        hf_text_add(&text, "%s", place->value);
        word += strlen(place->name);
    }
    char *copy = strdup(buffer);
    if (copy == NULL)
        hf_error_set(error, ENOMEM, "no memory");
    return copy;
}

/* "mem:1G", "fault:delay=1ms,null:1T": the words of a fault come first, then its unit. */
static bool unit_is_volatile(const char *word)
{
    if (strncmp(word, "fault:", 6) == 0)
        word += 6;
    for (; word != NULL; word = strchr(word, ',')) {
        word += *word == ',';
        if (strncmp(word, "mem:", 4) == 0 || strncmp(word, "null:", 5) == 0)
            return true;
    }
    return false;
}

static int add_word(struct hf_backend *backend, unsigned *count, const char *word,
                    struct placeholder *places, struct hf_error *error)
{
    if (*count == HF_BACKEND_WORDS_MAX)
        return hf_error_set(error, E2BIG, "the command is longer than %u words",
                            HF_BACKEND_WORDS_MAX);
    if (unit_is_volatile(word))
        return hf_error_set(error, EINVAL,
                            "unit \"%s\" cannot be drilled: what it holds dies with the process, "
                            "so every kill would lose data by nature; take a file or block device",
                            word);
    backend->words[*count] = expand(word, places, error);
    return backend->words[(*count)++] == NULL ? -EINVAL : 0;
}

static bool is_our_target(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash == NULL ? program : slash + 1, "holdfast-target") == 0;
}

#define PLACES_BEFORE_STAMPS 2u

static void make_places(struct placeholder *places, const struct hf_backend_setup *setup)
{
    *places++ = (struct placeholder){ "{socket}", setup->socket_path, false };
    *places++ = (struct placeholder){ "{file}", setup->file_path, false };
    for (unsigned i = 0; i < HF_BACKEND_STAMP_COUNT; i++)
        *places++ = (struct placeholder){ stamp_rows[i].place, stamp_rows[i].fd, false };
    *places = (struct placeholder){ 0 };
}

static int add_stamps(struct hf_backend *backend, unsigned *count, struct placeholder *places,
                      struct hf_error *error)
{
    int ret = 0;

    for (unsigned i = 0; ret == 0 && i < HF_BACKEND_STAMP_COUNT; i++) {
        const struct placeholder *place = &places[PLACES_BEFORE_STAMPS + i];
        if (!place->used && is_our_target(backend->words[0]))
            ret = add_word(backend, count, stamp_rows[i].option, places, error);
        backend->stamps[i] = place->used;
    }
    return ret;
}

int hf_backend_init(struct hf_backend *backend, const struct hf_backend_setup *setup,
                    struct hf_error *error)
{
    struct placeholder places[PLACES_BEFORE_STAMPS + HF_BACKEND_STAMP_COUNT + 1];
    unsigned count = 0;
    int ret = 0;

    make_places(places, setup);
    *backend = (struct hf_backend){ .who = setup->who == NULL ? "the back-end" : setup->who,
                                    .socket_path = setup->socket_path,
                                    .log_path = setup->log_path,
                                    .priority = setup->priority,
                                    .pidfd = -1,
                                    .stamp_fds = { -1, -1 },
                                    .killer = { .stop_fd = -1 } };
    for (unsigned i = 0; ret == 0 && setup->command[i] != NULL; i++)
        ret = add_word(backend, &count, setup->command[i], places, error);
    if (ret == 0 && !places[0].used)
        ret = hf_error_set(
            error, EINVAL,
            "the command does not say {socket}, which stands for the path to listen at");
    if (ret == 0)
        ret = add_stamps(backend, &count, places, error);
    if (ret < 0)
        hf_backend_done(backend);
    return ret;
}
