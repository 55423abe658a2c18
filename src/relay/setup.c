/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of a device, and what each may be. */
#include "relay/setup.h"

#include "base/check.h"
#include "base/duration.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME_WITHOUT_PATH "relay"

/* ---- what may be in a word ---- */

static bool is_name_letter(char letter)
{
    return isalnum((unsigned char)letter) || letter == '-' || letter == '_' || letter == '.';
}

/* It becomes part of a file's name, and of log lines. */
static int take_name(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    size_t length = 0;

    while (is_name_letter(word[length]))
        length++;
    if (word[length] != '\0' || length == 0 || word[0] == '.')
        return hf_error_set(error, EINVAL,
                            "a name has letters, digits, '-', '_' and '.', and no '.' first");
    if (length >= sizeof(setup->name))
        return hf_error_set(error, ENAMETOOLONG, "a name has at most %zu letters",
                            sizeof(setup->name) - 1);
    memcpy(setup->name, word, length + 1);
    return 0;
}

static int take_path(char path[HF_STREAM_PATH_SIZE], const char *word, struct hf_error *error)
{
    int failed = hf_stream_check_path(word, error);

    if (failed == 0)
        memcpy(path, word, strlen(word) + 1);
    return failed;
}

static int take_listen(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    return take_path(setup->listen_path, word, error);
}

static int take_backend(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    if (setup->backend_count == HF_RELAY_BACKENDS_MAX)
        return hf_error_set(error, E2BIG, "a device has at most %u back-ends",
                            HF_RELAY_BACKENDS_MAX);
    for (unsigned i = 0; i < setup->backend_count; i++)
        if (strcmp(setup->backends[i], word) == 0)
            return hf_error_set(error, EINVAL, "named twice");
    int failed = take_path(setup->backends[setup->backend_count], word, error);
    if (failed == 0)
        setup->backend_count++;
    return failed;
}

static int take_device(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    const struct hf_relay_type *type = hf_relay_type_of(word);
    char names[128];
    struct hf_text list = hf_text_of(names, sizeof(names));

    if (type) {
        setup->type = type;
        return 0;
    }
    for (unsigned i = 0; hf_relay_type_at(i); i++)
        hf_text_add(&list, "%s%s", i > 0 ? ", " : "", hf_relay_type_at(i)->name);
    return hf_error_set(error, EINVAL, "no such device type; there are %s", names);
}

static int take_state(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    if (word[0] == '\0' || strlen(word) >= sizeof(setup->state_folder))
        return hf_error_set(error, EINVAL, "a folder's name has 1 to %zu bytes",
                            sizeof(setup->state_folder) - 1);
    memcpy(setup->state_folder, word, strlen(word) + 1);
    return 0;
}

/* The words `none` and "0" stand for no limit at all. */
static int take_span(uint64_t *span_ns, const char *word, const char *none, struct hf_error *error)
{
    if (strcmp(word, none) == 0) {
        *span_ns = 0;
        return 0;
    }
    if (!hf_duration_parse(word, span_ns))
        return hf_error_set(error, EINVAL,
                            "not a time like 30s, 500ms or 5m (at most a day), nor \"%s\"", none);
    return 0;
}

static int take_wait(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    uint64_t span_ns = 0;
    int failed = take_span(&span_ns, word, "forever", error);

    if (failed == 0 && span_ns == 0 && strcmp(word, "forever") != 0)
        return hf_error_set(error, EINVAL,
                            "no time at all: say \"forever\", or remember the back-end by state");
    if (failed == 0)
        setup->wait_ns = span_ns;
    return failed;
}

static int take_hang_after(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    return take_span(&setup->hang_after_ns, word, "never", error);
}

static int take_stop_wait(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    return take_span(&setup->stop_wait_ns, word, "forever", error);
}

static int take_reply_timeout(struct hf_relay_setup *setup, const char *word,
                              struct hf_error *error)
{
    return take_span(&setup->reply_timeout_ns, word, "forever", error);
}

static int take_allow_lossy(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    (void)word;
    (void)error;
    setup->allow_lossy = true;
    return 0;
}

static int take_fence_command(struct hf_relay_setup *setup, const char *command,
                              struct hf_error *error)
{
    if (command[0] == '\0' || strlen(command) >= sizeof(setup->fence_command))
        return hf_error_set(error, EINVAL, "a command has 1 to %zu bytes",
                            sizeof(setup->fence_command) - 1);
    memcpy(setup->fence_command, command, strlen(command) + 1);
    setup->fence = HF_FENCE_COMMAND;
    return 0;
}

static int take_fence(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    static const char *const names[HF_FENCE_COUNT] = {
        [HF_FENCE_EXIT] = "exit",
        [HF_FENCE_KILL] = "kill",
        [HF_FENCE_NONE] = "none",
    };
    static const char command[] = "command=";

    if (strncmp(word, command, strlen(command)) == 0)
        return take_fence_command(setup, word + strlen(command), error);
    for (unsigned i = 0; i < HF_FENCE_COUNT; i++) {
        if (!names[i] || strcmp(word, names[i]) != 0)
            continue;
        setup->fence = (enum hf_fence)i;
        setup->fence_command[0] = '\0';
        return 0;
    }
    return hf_error_set(error, EINVAL, "no such fence; there are exit, kill, command=..., none");
}

static int take_socket_mode(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    size_t length = strspn(word, "01234567");

    if (length == 0 || length > 4 || word[length] != '\0' || strtoul(word, NULL, 8) > 0777)
        return hf_error_set(error, EINVAL, "not permissions like 0600 or 0660");
    setup->socket_mode = (uint32_t)strtoul(word, NULL, 8);
    return 0;
}

static int take_fd(struct hf_relay_setup *setup, const char *word, struct hf_error *error)
{
    size_t length = strspn(word, "0123456789");

    if (length == 0 || length > 9 || word[length] != '\0')
        return hf_error_set(error, EINVAL, "not the number of a descriptor");
    setup->fd = (int)strtol(word, NULL, 10);
    return 0;
}

static const struct hf_relay_word words[] = {
    { "listen", "PATH", HF_RELAY_WORD_OWN, "make a vhost-user socket here: the VMM connects to it",
      take_listen },
    { "backend", "PATH", HF_RELAY_WORD_SHARED,
      "the back-end's socket; several: tried in this order", take_backend },
    { "device", "TYPE", HF_RELAY_WORD_SHARED, "scsi (default), blk, ...: what the back-end is",
      take_device },
    { "name", "NAME", HF_RELAY_WORD_OWN,
      "of the device, in log and status (default: from --listen)", take_name },
    { "state", "FOLDER", HF_RELAY_WORD_SHARED,
      "remember here what the back-end offers, so that a VMM may start before it", take_state },
    { "wait", "TIME", HF_RELAY_WORD_SHARED,
      "how long to wait for the first back-end: 30s, forever (default)", take_wait },
    { "allow-lossy", NULL, HF_RELAY_WORD_SHARED, "serve also a back-end whose death loses requests",
      take_allow_lossy },
    { "hang-after", "TIME", HF_RELAY_WORD_SHARED,
      "a back-end with work and no progress for so long is hung (default: never)",
      take_hang_after },
    { "stop-wait", "TIME", HF_RELAY_WORD_SHARED,
      "how long a VMM that stops a ring waits for a back-end that is away", take_stop_wait },
    { "reply-timeout", "TIME", HF_RELAY_WORD_SHARED,
      "how long any other request of a VMM waits for it", take_reply_timeout },
    { "fence", "HOW", HF_RELAY_WORD_SHARED,
      "before rings start on another process the old one must exit (default), is killed "
      "(kill), is made harmless (command=LINE), or may do what it likes (none: lossy)",
      take_fence },
    { "socket-mode", "MODE", HF_RELAY_WORD_SHARED, "permissions of --listen (default: 0600)",
      take_socket_mode },
    { "fd", "N", HF_RELAY_WORD_LINE,
      "the VMM's side is this inherited socket instead, listening or connected", take_fd },
};

const struct hf_relay_word *hf_relay_word_at(unsigned index)
{
    return index < HF_ARRAY_COUNT(words) ? &words[index] : NULL;
}

const struct hf_relay_word *hf_relay_word_of(const char *name)
{
    for (unsigned i = 0; i < HF_ARRAY_COUNT(words); i++)
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

/* ---- the whole ---- */

void hf_relay_setup_init(struct hf_relay_setup *setup)
{
    const struct hf_relay_device_config *config = &hf_relay_device_config_default;

    *setup = (struct hf_relay_setup){
        .fd = -1,
        .given_fd = -1,
        .type = config->type ? config->type : hf_relay_type_at(0),
        .fence = config->fence,
        .socket_mode = config->socket_mode,
        .reply_timeout_ns = config->reply_timeout_ns,
        .stop_wait_ns = config->stop_wait_ns,
        .hang_after_ns = config->hang_after_ns,
        .wait_ns = config->wait_ns,
        .allow_lossy = config->allow_lossy,
    };
}

/* "/run/vm/disk-1.sock" is disk-1. What a name may not have becomes '-'. */
static void name_after_path(struct hf_relay_setup *setup)
{
    static const char *const endings[] = { ".sock", ".socket" };
    const char *slash = strrchr(setup->listen_path, '/');

    snprintf(setup->name, sizeof(setup->name), "%.*s", (int)sizeof(setup->name) - 1,
             slash ? slash + 1 : setup->listen_path);
    size_t length = strlen(setup->name);
    for (size_t i = 0; i < HF_ARRAY_COUNT(endings); i++) {
        size_t tail = strlen(endings[i]);
        if (length > tail && strcmp(setup->name + length - tail, endings[i]) == 0)
            setup->name[length - tail] = '\0';
    }
    for (char *letter = setup->name; *letter != '\0'; letter++)
        if (!is_name_letter(*letter) || (letter == setup->name && *letter == '.'))
            *letter = '-';
}

int hf_relay_setup_finish(struct hf_relay_setup *setup, struct hf_error *error)
{
    if (setup->name[0] == '\0')
        name_after_path(setup);
    if (setup->name[0] == '\0')
        strcpy(setup->name, NAME_WITHOUT_PATH);
    if (setup->fd >= 0 && setup->listen_path[0] != '\0')
        return hf_error_set(error, EINVAL, "listen and fd exclude one another");
    if (setup->backend_count == 0)
        return hf_error_set(error, EINVAL,
                            "no back-end: --backend=PATH, or \"backend\" in a file, is missing");
    for (unsigned i = 0; i < setup->backend_count; i++)
        if (strcmp(setup->backends[i], setup->listen_path) == 0)
            return hf_error_set(error, EINVAL, "listen and backend are the same socket, %s",
                                setup->listen_path);
    return 0;
}

static bool same_backends(const struct hf_relay_setup *a, const struct hf_relay_setup *b)
{
    if (a->backend_count != b->backend_count)
        return false;
    for (unsigned i = 0; i < a->backend_count; i++)
        if (strcmp(a->backends[i], b->backends[i]) != 0)
            return false;
    return true;
}

static bool same_limits(const struct hf_relay_setup *a, const struct hf_relay_setup *b)
{
    return a->reply_timeout_ns == b->reply_timeout_ns && a->stop_wait_ns == b->stop_wait_ns &&
           a->hang_after_ns == b->hang_after_ns && a->wait_ns == b->wait_ns;
}

bool hf_relay_setup_same(const struct hf_relay_setup *a, const struct hf_relay_setup *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->listen_path, b->listen_path) == 0 &&
           same_backends(a, b) && a->type == b->type && a->fence == b->fence &&
           strcmp(a->fence_command, b->fence_command) == 0 &&
           strcmp(a->state_folder, b->state_folder) == 0 && a->socket_mode == b->socket_mode &&
           same_limits(a, b) && a->allow_lossy == b->allow_lossy;
}

/* ---- for the device ---- */

static int place_fd(struct hf_relay_device_config *config, int fd, struct hf_error *error)
{
    int listens = 0;
    socklen_t size_bytes = sizeof(listens);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size_bytes) < 0)
        return hf_error_set(error, errno, "descriptor %d is no socket: %s", fd, strerror(errno));
    *(listens ? &config->listen_fd : &config->vmm_fd) = fd;
    return 0;
}

int hf_relay_setup_config(const struct hf_relay_setup *setup,
                          char state_path[HF_RELAY_STATE_PATH_SIZE],
                          struct hf_relay_device_config *config, struct hf_error *error)
{
    int fd = setup->given_fd >= 0 ? setup->given_fd : setup->fd;

    snprintf(state_path, HF_RELAY_STATE_PATH_SIZE, "%s/%s.state", setup->state_folder, setup->name);
    *config = (struct hf_relay_device_config){
        .name = setup->name,
        .listen_path = fd < 0 ? setup->listen_path : NULL,
        .listen_fd = -1,
        .vmm_fd = -1,
        .type = setup->type,
        .fence = setup->fence,
        .fence_command = setup->fence_command[0] != '\0' ? setup->fence_command : NULL,
        .state_path = setup->state_folder[0] != '\0' ? state_path : NULL,
        .socket_mode = setup->socket_mode,
        .reply_timeout_ns = setup->reply_timeout_ns,
        .stop_wait_ns = setup->stop_wait_ns,
        .hang_after_ns = setup->hang_after_ns,
        .wait_ns = setup->wait_ns,
        .allow_lossy = setup->allow_lossy,
    };
    for (unsigned i = 0; i < setup->backend_count; i++)
        config->backends[i] = setup->backends[i];
    return fd < 0 ? 0 : place_fd(config, fd, error);
}
