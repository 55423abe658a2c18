/* SPDX-License-Identifier: BSD-3-Clause */
/* The promise as a file: a VMM may start before its back-end. Written anew under another name and
 * renamed, so that it is whole or the one before. */
#include "relay/device_private.h"

#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION       1
#define FILE_SIZE_MAX 65536u

struct field {
    const char *name;
    uint64_t limit;
    uint64_t *value;
};

#define FIELDS 8u

/* One table for both ways. */
struct fields {
    uint64_t ring_count, ring_size_max, memory_slots, config_bytes, version;
    struct field list[FIELDS];
};

static void name_fields(struct fields *fields, struct hf_relay_promise *promise)
{
    const struct field list[FIELDS] = {
        { "version", VERSION, &fields->version },
        { "features", UINT64_MAX, &promise->offer.features },
        { "protocol-features", UINT64_MAX, &promise->offer.protocol_features },
        { "back-end-protocol-features", UINT64_MAX, &promise->protocol_features },
        { "rings", HF_BACK_RINGS_MAX, &fields->ring_count },
        { "ring-size", 32768, &fields->ring_size_max },
        { "memory-slots", HF_MEMORY_REGIONS_MAX, &fields->memory_slots },
        { "config-bytes", HF_WIRE_CONFIG_MAX, &fields->config_bytes },
    };

    memcpy(fields->list, list, sizeof(list));
}

static bool read_number(const json_t *root, const struct field *field)
{
    const char *word = json_string_value(json_object_get(root, field->name));
    char *end = NULL;

    if (word == NULL || word[0] < '0' || word[0] > '9')
        return false;
    errno = 0;
    *field->value = strtoull(word, &end, 0);
    return errno == 0 && *end == '\0' && *field->value <= field->limit;
}

static bool is_possible(const struct hf_back_offer *offer)
{
    return offer->ring_count > 0 && offer->memory_slots > 0 && offer->ring_size_max > 0 &&
           (offer->ring_size_max & (offer->ring_size_max - 1)) == 0;
}

static int read_fields(const json_t *root, struct hf_relay_promise *promise, const char *path,
                       struct hf_error *error)
{
    struct fields fields;

    name_fields(&fields, promise);
    for (unsigned i = 0; i < FIELDS; i++) {
        if (!read_number(root, &fields.list[i]))
            return hf_error_set(error, EINVAL, "%s: no '%s', or not a possible one", path,
                                fields.list[i].name);
    }
    promise->offer.ring_count = (uint16_t)fields.ring_count;
    promise->offer.ring_size_max = (uint16_t)fields.ring_size_max;
    promise->offer.memory_slots = (uint16_t)fields.memory_slots;
    promise->offer.config_bytes = (uint16_t)fields.config_bytes;
    if (!is_possible(&promise->offer))
        return hf_error_set(error, EINVAL, "%s: its numbers are impossible", path);
    return 0;
}

int hf_relay_promise_load(const char *path, struct hf_relay_promise *promise,
                          struct hf_error *error)
{
    char bytes[FILE_SIZE_MAX];
    HF_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return hf_error_set(error, errno, "cannot open %s: %s", path, strerror(errno));
    ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got < 0)
        return hf_error_set(error, errno, "cannot read %s: %s", path, strerror(errno));
    json_error_t where;
    json_t *root = json_loadb(bytes, (size_t)got, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL)
        return hf_error_set(error, EINVAL, "%s:%d: %s", path, where.line, where.text);
    int result = read_fields(root, promise, path, error);
    json_decref(root);
    return result;
}

static json_t *to_json(const struct hf_relay_promise *promise)
{
    struct hf_relay_promise copy = *promise;
    struct fields fields = { .version = VERSION,
                             .ring_count = promise->offer.ring_count,
                             .ring_size_max = promise->offer.ring_size_max,
                             .memory_slots = promise->offer.memory_slots,
                             .config_bytes = promise->offer.config_bytes };
    json_t *root = json_object();

    name_fields(&fields, &copy);
    for (unsigned i = 0; i < FIELDS; i++) {
        char word[32];

        snprintf(word, sizeof(word), "%#llx", (unsigned long long)*fields.list[i].value);
        json_object_set_new(root, fields.list[i].name, json_string(word));
    }
    return root;
}

int hf_relay_promise_store(const char *path, const struct hf_relay_promise *promise,
                           struct hf_error *error)
{
    char temporary[4096];
    json_t *root = to_json(promise);

    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
        json_decref(root);
        return hf_error_set(error, ENAMETOOLONG, "the path is too long: %s", path);
    }
    int failed = json_dump_file(root, temporary, JSON_INDENT(2)) < 0 ? EIO : 0;
    json_decref(root);
    if (failed == 0 && rename(temporary, path) < 0)
        failed = errno;
    return failed == 0 ? 0
                       : hf_error_set(error, failed, "cannot write %s: %s", path, strerror(failed));
}

/* ---- the device's ---------------------------------------------------------------------------- */

void hf_relay_promise_recall(struct hf_relay_device *device)
{
    struct hf_error error = { 0 };

    if (device->config.state_path == NULL)
        return;
    int result = hf_relay_promise_load(device->config.state_path, &device->promise, &error);
    device->promised = result == 0;
    if (result < 0 && result != -ENOENT)
        hf_relay_device_log(device, HF_LOG_WARNING,
                            "what was promised before is not known: %s; waiting for the back-end",
                            error.text);
}

void hf_relay_promise_learn(struct hf_relay_device *device)
{
    struct hf_error error = { 0 };

    device->promise =
        hf_relay_promise_of(&device->backend->front.session, device->config.type->ring_count,
                            device->config.type->config != NULL);
    device->promised = true;
    if (device->config.state_path != NULL &&
        hf_relay_promise_store(device->config.state_path, &device->promise, &error) < 0)
        hf_relay_device_log(device, HF_LOG_WARNING, "%s", error.text);
}
