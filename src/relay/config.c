/* SPDX-License-Identifier: BSD-3-Clause */
/* From a file to setups. */
#include "relay/config.h"

#include "relay/setup_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "device 3", or its name where it has one. */
static void name_device(const json_t *object, unsigned index, char name[HF_RELAY_NAME_SIZE])
{
    const char *said = json_string_value(json_object_get(object, "name"));

    if (said && said[0] != '\0')
        snprintf(name, HF_RELAY_NAME_SIZE, "%.*s", (int)HF_RELAY_NAME_SIZE - 1, said);
    else
        snprintf(name, HF_RELAY_NAME_SIZE, "number %u", index + 1);
}

static int check_others(const struct hf_relay_config *config, unsigned index,
                        struct hf_error *error)
{
    const struct hf_relay_setup *setup = &config->setups[index];

    for (unsigned i = 0; i < index; i++) {
        const struct hf_relay_setup *other = &config->setups[i];
        if (strcmp(other->name, setup->name) == 0)
            return hf_error_set(error, EINVAL,
                                "another one (number %u) is named %s too: give each its \"name\"",
                                i + 1, setup->name);
        if (setup->listen_path[0] != '\0' && strcmp(other->listen_path, setup->listen_path) == 0)
            return hf_error_set(error, EINVAL,
                                "device %s listens on %s too: give each its own \"listen\"",
                                other->name, setup->listen_path);
    }
    return 0;
}

static int read_device(struct hf_relay_config *config, unsigned index, const json_t *object,
                       struct hf_error *error)
{
    struct hf_relay_setup *setup = &config->setups[index];
    char name[HF_RELAY_NAME_SIZE];

    int failed = hf_relay_setup_json(setup, object, HF_RELAY_JSON_OF_DEVICE, error);
    if (failed == 0)
        failed = hf_relay_setup_finish(setup, error);
    if (failed == 0)
        failed = check_others(config, index, error);
    name_device(object, index, name);
    if (failed < 0)
        hf_error_prefix(error, "device %s", name);
    return failed;
}

static int read_devices(struct hf_relay_config *config, const json_t *list,
                        const struct hf_relay_setup *defaults, struct hf_error *error)
{
    size_t count = json_array_size(list);
    int failed = 0;

    if (!json_is_array(list))
        return hf_error_set(error, EINVAL, "\"devices\" is missing, or not a list [ ... ]");
    config->setups = calloc(count > 0 ? count : 1, sizeof(*config->setups));
    if (!config->setups)
        return hf_error_set(error, ENOMEM, "no memory for %zu devices", count);
    config->count = (unsigned)count;
    for (unsigned i = 0; failed == 0 && i < config->count; i++) {
        config->setups[i] = *defaults;
        failed = read_device(config, i, json_array_get(list, i), error);
    }
    return failed;
}

static int read_control(struct hf_relay_config *config, const json_t *value, struct hf_error *error)
{
    const char *path = json_string_value(value);

    if (!value)
        return 0;
    if (!path)
        return hf_error_set(error, EINVAL, "\"control\" must be a string");
    int failed = hf_stream_check_path(path, error);
    if (failed < 0)
        hf_error_prefix(error, "\"control\"");
    else
        memcpy(config->control_path, path, strlen(path) + 1);
    return failed;
}

static int read_all(struct hf_relay_config *config, const json_t *root, struct hf_error *error)
{
    struct hf_relay_setup defaults;

    hf_relay_setup_init(&defaults);
    int failed = hf_relay_setup_json(&defaults, root, HF_RELAY_JSON_OF_ALL, error);
    if (failed == 0)
        failed = read_control(config, json_object_get(root, "control"), error);
    if (failed == 0)
        failed = read_devices(config, json_object_get(root, "devices"), &defaults, error);
    return failed;
}

static json_t *load(const char *path, struct hf_error *error)
{
    FILE *file = fopen(path, "re");
    json_error_t wrong;

    if (!file) {
        hf_error_set(error, errno, "%s: %s", path, strerror(errno));
        return NULL;
    }
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &wrong);
    if (!root)
        hf_error_set(error, EINVAL, "%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    fclose(file);
    return root;
}

int hf_relay_config_read(struct hf_relay_config *config, const char *path, struct hf_error *error)
{
    struct hf_error why = { 0 };

    *config = (struct hf_relay_config){ .count = 0 };
    json_t *root = load(path, &why);
    int failed = root ? read_all(config, root, &why) : -why.code;
    json_decref(root);
    if (failed == 0)
        return 0;
    hf_relay_config_done(config);
    if (root)
        hf_error_prefix(&why, "%s", path);
    return hf_error_set(error, -failed, "%s", why.text);
}

void hf_relay_config_done(struct hf_relay_config *config)
{
    free(config->setups);
    *config = (struct hf_relay_config){ .count = 0 };
}
