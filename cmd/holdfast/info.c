/* SPDX-License-Identifier: BSD-3-Clause */
/* holdfast info: what a back-end offers, and which disks it has, in one look with a deadline. */
#include "subcommand.h"
#include "words.h"

#include "initiator/discovery.h"
#include "initiator/initiator.h"
#include "os/clock.h"
#include "wire/feature.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DISKS_MAX          256u
#define EXIT_FAILED        1
#define TIMEOUT_DEFAULT_MS 5000

struct options {
    const char *socket_path;
    bool json;
    uint64_t timeout_ns;
};

struct look {
    struct hf_loop loop;
    struct hf_initiator *initiator;
    struct hf_device_info info;
    struct hf_disk disks[DISKS_MAX];
    struct hf_disk_list list;
    struct hf_error disk_error; /* the handshake went well, the disks did not answer */
};

enum option_key { KEY_TIMEOUT = 0x100, KEY_JSON };

static const struct argp_option option_table[] = {
    { "json", KEY_JSON, NULL, 0, "Print one JSON object", 0 },
    { "timeout", KEY_TIMEOUT, "MS", 0, "Give up after this many milliseconds (5000)", 0 },
    { 0 }
};

static error_t parse_timeout(struct options *options, const char *word, struct argp_state *state)
{
    char *end = NULL;
    unsigned long value = strtoul(word, &end, 10);

    if (*word < '0' || *word > '9' || *end != 0 || value == 0 || value > 3600000)
        argp_error(state, "--timeout=%s: 1 to 3600000 milliseconds are possible", word);
    options->timeout_ns = value * HF_NS_PER_MS;
    return 0;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct options *options = state->input;

    switch (key) {
    case KEY_JSON:
        options->json = true;
        return 0;
    case KEY_TIMEOUT:
        return parse_timeout(options, word, state);
    case ARGP_KEY_ARG:
        if (options->socket_path != NULL)
            argp_error(state, "one socket at a time; \"%s\" is too much", word);
        options->socket_path = word;
        return 0;
    case ARGP_KEY_END:
        if (options->socket_path == NULL)
            argp_error(state, "which socket?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    option_table, parse, "SOCKET", "Show what a vhost-user-scsi back-end offers, and its disks.",
    NULL,         NULL,  NULL
};

/* ---- looking ---- */

static int look_at_disks(struct look *look, const struct hf_initiator_wait *wait)
{
    struct hf_device_info info;
    int ret = hf_initiator_start(look->initiator, wait, &look->disk_error);

    if (ret < 0)
        return ret;
    /* Asked by the device after the handshake, answered before the rings ran. */
    hf_initiator_get_info(look->initiator, &info);
    look->info.fences = info.fences;
    look->list = (struct hf_disk_list){ .disks = look->disks, .capacity = DISKS_MAX };
    return hf_discovery_run(look->initiator, hf_initiator_buffer(look->initiator),
                            wait->deadline_ns, &look->list, &look->disk_error);
}

static int look_at(struct look *look, const struct options *options, struct hf_error *error)
{
    struct hf_initiator_config config = hf_initiator_config_default;
    struct hf_initiator_ops ops = { .host = NULL };
    struct hf_initiator_wait wait = { .deadline_ns = hf_clock_ns() + options->timeout_ns };

    config.socket_path = options->socket_path;
    config.depth = 1;
    int ret = word_check_socket(options->socket_path, error);
    if (ret < 0)
        return ret;
    ret = hf_loop_init(&look->loop);
    if (ret < 0)
        return hf_error_set(error, -ret, "unable to make an event loop: %s", strerror(-ret));
    ret = hf_initiator_new(&look->initiator, &config, &look->loop, &ops, error);
    if (ret == 0)
        ret = hf_initiator_connect(look->initiator, &wait, error);
    if (ret < 0)
        return ret;
    hf_initiator_get_info(look->initiator, &look->info);
    look_at_disks(look, &wait);
    return 0;
}

/* ---- telling ---- */

typedef const char *name_fn(unsigned bit);

static void print_bits(const char *title, uint64_t bits, name_fn *name)
{
    printf("%s\n ", title);
    for (unsigned i = 0; i < 64; i++) {
        if ((bits & HF_BIT(i)) == 0)
            continue;
        if (name(i) != NULL)
            printf(" %s", name(i));
        else
            printf(" bit-%u", i);
    }
    printf("%s\n", bits == 0 ? " none" : "");
}

static void print_disk(const struct hf_disk *disk)
{
    printf("  target %u LUN %u: %s %s", disk->target, disk->lun, disk->vendor, disk->product);
    if (disk->serial[0] != 0)
        printf(", serial %s", disk->serial);
    if (disk->type != 0)
        printf(", device type %u", disk->type);
    printf(", %llu bytes, blocks of %u%s\n",
           (unsigned long long)(disk->blocks * disk->block_size_bytes), disk->block_size_bytes,
           disk->read_only ? ", read-only" : "");
}

static void print_text(const struct look *look)
{
    const struct hf_device_info *info = &look->info;

    print_bits("virtio features:", info->offered, hf_feature_name);
    print_bits("protocol features:", info->protocol_offered, hf_protocol_feature_name);
    if (info->backend_queues > 0)
        printf("queues: %llu\n", (unsigned long long)info->backend_queues);
    else
        printf("queues: unknown (the back-end has no MQ)\n");
    printf("in-flight tracking: %s\n", info->tracks_inflight ? "yes" : "no");
    printf("fences its units by locks: %s\n", info->fences ? "yes" : "unknown");
    printf("disks: %u%s\n", look->list.count, look->list.truncated ? " and more" : "");
    for (unsigned i = 0; i < look->list.count; i++)
        print_disk(&look->disks[i]);
}

static json_t *bits_array(uint64_t bits, name_fn *name)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < 64; i++) {
        if ((bits & HF_BIT(i)) == 0)
            continue;
        json_array_append_new(array,
                              name(i) != NULL ? json_string(name(i)) : json_sprintf("bit-%u", i));
    }
    return array;
}

static json_t *disk_object(const struct hf_disk *disk)
{
    return json_pack("{s:i, s:i, s:i, s:s, s:s, s:s, s:I, s:I, s:b}", "target", (int)disk->target,
                     "lun", (int)disk->lun, "device_type", (int)disk->type, "vendor", disk->vendor,
                     "product", disk->product, "serial", disk->serial, "size_bytes",
                     (json_int_t)(disk->blocks * disk->block_size_bytes), "block_size_bytes",
                     (json_int_t)disk->block_size_bytes, "read_only", (int)disk->read_only);
}

static int print_json(const struct look *look)
{
    const struct hf_device_info *info = &look->info;
    json_t *disks = json_array();

    for (unsigned i = 0; i < look->list.count; i++)
        json_array_append_new(disks, disk_object(&look->disks[i]));
    json_t *object = json_pack(
        "{s:o, s:o, s:I, s:I, s:b, s:b, s:o}", "features",
        bits_array(info->offered, hf_feature_name), "protocol_features",
        bits_array(info->protocol_offered, hf_protocol_feature_name), "queues",
        (json_int_t)info->backend_queues, "memory_slots", (json_int_t)info->memory_slots,
        "inflight", (int)info->tracks_inflight, "fences", (int)info->fences, "luns", disks);
    if (object == NULL)
        return -ENOMEM;
    int ret = json_dumpf(object, stdout, JSON_INDENT(2));
    json_decref(object);
    putchar('\n');
    return ret;
}

static int tell(const struct look *look, bool json)
{
    if (!json)
        print_text(look);
    else if (print_json(look) != 0)
        return EXIT_FAILED;
    if (look->disk_error.code == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "holdfast info: %s\n", look->disk_error.text);
    return EXIT_FAILED;
}

static int run_info(int count, char **arguments)
{
    static struct look look;
    struct options options = { .timeout_ns = TIMEOUT_DEFAULT_MS * HF_NS_PER_MS };
    struct hf_error error = { 0 };
    int info = EXIT_FAILED;

    argp_err_exit_status = EXIT_FAILED;
    argp_parse(&parser, count, arguments, 0, NULL, &options);
    if (look_at(&look, &options, &error) < 0)
        fprintf(stderr, "holdfast info: %s\n", error.text);
    else
        info = tell(&look, options.json);
    hf_initiator_free(look.initiator);
    hf_loop_done(&look.loop);
    return info;
}

const struct hf_subcommand hf_subcommand_info = { "info", "show what a back-end offers", run_info };
