/* SPDX-License-Identifier: BSD-3-Clause */
/* Members become words: a string is one, a number is written as one, a list is several. */
#include "relay/setup_json.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SIZE 32u

/* The word that a user would write; NULL: a value that is no word. */
static const char *word_of(const json_t *value, char number[NUMBER_SIZE])
{
    if (json_is_integer(value))
        snprintf(number, NUMBER_SIZE, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, NUMBER_SIZE, "%.9f", json_real_value(value));
    return json_is_number(value) ? number : json_string_value(value);
}

static bool takes_number(const struct hf_relay_word *word)
{
    return strcmp(word->argument, "TIME") == 0;
}

static int take_one(struct hf_relay_setup *setup, const struct hf_relay_word *word,
                    const json_t *value, struct hf_error *error)
{
    char number[NUMBER_SIZE];
    const char *text = takes_number(word) ? word_of(value, number) : json_string_value(value);

    if (!text)
        return hf_error_set(error, EINVAL, "\"%s\" must be a string%s", word->name,
                            takes_number(word) ? " or a number" : "");
    int failed = word->take(setup, text, error);
    if (failed < 0)
        hf_error_prefix(error, "\"%s\": \"%s\"", word->name, text);
    return failed;
}

static int take_switch(struct hf_relay_setup *setup, const struct hf_relay_word *word,
                       const json_t *value, struct hf_error *error)
{
    if (!json_is_boolean(value))
        return hf_error_set(error, EINVAL, "\"%s\" must be true or false", word->name);
    /* The only one so far; to say false takes a default back. */
    setup->allow_lossy = false;
    return json_is_true(value) ? word->take(setup, NULL, error) : 0;
}

/* The back-ends of a device stand in place of the default ones. */
static int take_backends(struct hf_relay_setup *setup, const struct hf_relay_word *word,
                         const json_t *value, struct hf_error *error)
{
    size_t count = json_array_size(value);
    int failed = 0;

    setup->backend_count = 0;
    memset(setup->backends, 0, sizeof(setup->backends));
    if (!json_is_array(value))
        return take_one(setup, word, value, error);
    for (size_t i = 0; failed == 0 && i < count; i++)
        failed = take_one(setup, word, json_array_get(value, i), error);
    return failed;
}

static int take(struct hf_relay_setup *setup, const struct hf_relay_word *word, const json_t *value,
                struct hf_error *error)
{
    if (!word->argument)
        return take_switch(setup, word, value, error);
    if (strcmp(word->name, "backend") == 0)
        return take_backends(setup, word, value, error);
    /* In JSON 660 is another number than the 0660 that is meant. */
    if (strcmp(word->name, "socket-mode") == 0 && !json_is_string(value))
        return hf_error_set(error, EINVAL, "\"socket-mode\" must be a string like \"0660\"");
    return take_one(setup, word, value, error);
}

static bool is_callers(const char *key, enum hf_relay_json_of of)
{
    return of == HF_RELAY_JSON_OF_ALL &&
           (strcmp(key, "control") == 0 || strcmp(key, "devices") == 0);
}

static bool is_allowed(const struct hf_relay_word *word, enum hf_relay_json_of of)
{
    return word && (word->use == HF_RELAY_WORD_SHARED ||
                    (word->use == HF_RELAY_WORD_OWN && of == HF_RELAY_JSON_OF_DEVICE));
}

static int refuse_key(const char *key, enum hf_relay_json_of of, struct hf_error *error)
{
    const struct hf_relay_word *word = hf_relay_word_of(key);
    char names[256];
    struct hf_text list = hf_text_of(names, sizeof(names));

    if (word && word->use == HF_RELAY_WORD_OWN)
        return hf_error_set(error, EINVAL, "\"%s\" belongs to one device: put it into \"devices\"",
                            key);
    for (unsigned i = 0; (word = hf_relay_word_at(i)) != NULL; i++)
        if (is_allowed(word, of))
            hf_text_add(&list, "%s%s", list.length > 0 ? ", " : "", word->name);
    return hf_error_set(error, EINVAL, "\"%.64s\" is not known here; there are %s%s", key, names,
                        of == HF_RELAY_JSON_OF_ALL ? ", control, devices" : "");
}

int hf_relay_setup_json(struct hf_relay_setup *setup, const json_t *object,
                        enum hf_relay_json_of of, struct hf_error *error)
{
    const char *key;
    json_t *value;
    int failed = 0;

    if (!json_is_object(object))
        return hf_error_set(error, EINVAL, "not an object { ... }");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct hf_relay_word *word = hf_relay_word_of(key);
        if (is_callers(key, of))
            continue;
        failed =
            is_allowed(word, of) ? take(setup, word, value, error) : refuse_key(key, of, error);
        if (failed < 0)
            break;
    }
    return failed;
}
