/* SPDX-License-Identifier: BSD-3-Clause */
/* See scene.h. */
#include "drill/scene.h"

#include "os/fd.h"
#include "os/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TAIL_SIZE 400

/* /var/tmp is on a disk almost everywhere: O_DIRECT works there, and data does not fill memory. */
static int make_folder(struct hf_scene *scene, struct hf_error *error)
{
    const char *parent = getenv("TMPDIR");

    if (parent == NULL || *parent == 0)
        parent = "/var/tmp";
    if (strchr(parent, ',') != NULL)
        return hf_error_set(error, EINVAL, "TMPDIR %s has a comma in it", parent);
    snprintf(scene->folder, sizeof(scene->folder), "%s/holdfast-drill-XXXXXX", parent);
    if (mkdtemp(scene->folder) == NULL) {
        int code = errno;
        scene->folder[0] = 0;
        return hf_error_set(error, code, "unable to make a folder in %s: %s", parent,
                            strerror(code));
    }
    snprintf(scene->socket_path, sizeof(scene->socket_path), "%s/socket", scene->folder);
    snprintf(scene->file_path, sizeof(scene->file_path), "%s/disk.img", scene->folder);
    snprintf(scene->log_path, sizeof(scene->log_path), "%s/back-end.log", scene->folder);
    return hf_stream_check_path(scene->socket_path, error);
}

static int make_file(const struct hf_scene *scene, uint64_t size_bytes, struct hf_error *error)
{
    HF_AUTO_FD int fd = open(scene->file_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return hf_error_set(error, errno, "unable to make %s: %s", scene->file_path,
                            strerror(errno));
    /* Allocated now: a full disk is said here, and not as a write error later. */
    int code = posix_fallocate(fd, 0, (off_t)size_bytes);
    if (code != 0)
        return hf_error_set(error, code, "unable to allocate %llu bytes for %s: %s",
                            (unsigned long long)size_bytes, scene->file_path, strerror(code));
    return 0;
}

/* Next to this program, as in a build folder; else by $PATH. */
static void find_program(char program[PATH_MAX], const char *name)
{
    char self[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length > 0) {
        self[length] = 0;
        int size = snprintf(program, PATH_MAX, "%s/%s", dirname(self), name);
        if (size > 0 && size < PATH_MAX && access(program, X_OK) == 0)
            return;
    }
    snprintf(program, PATH_MAX, "%s", name);
}

static void use_our_target(struct hf_scene *scene, const struct hf_drill_settings *settings)
{
    static char socket_option[] = "--socket-path={socket}";

    find_program(scene->program, "holdfast-target");
    snprintf(scene->queues, sizeof(scene->queues), "--queues=%u", settings->queues);
    snprintf(scene->unit, sizeof(scene->unit), "{file}%s", settings->direct ? ",cache=none" : "");
    scene->words[0] = scene->program;
    scene->words[1] = socket_option;
    scene->words[2] = scene->queues;
    scene->words[3] = scene->unit;
    scene->words[4] = NULL;
    scene->command = scene->words;
}

/* ---- the relay ---- */

static json_t *relay_device(const struct hf_scene *scene, unsigned index)
{
    return json_pack("{s:o, s:s, s:s}", "name", json_sprintf("disk%u", index), "listen",
                     scene->front_paths[index], "backend", scene->socket_path);
}

static int write_relay_config(const struct hf_scene *scene, unsigned devices,
                              struct hf_error *error)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < devices; i++)
        json_array_append_new(list, relay_device(scene, i));
    json_t *config = json_pack("{s:o}", "devices", list);
    int ret = config == NULL ? -1 : json_dump_file(config, scene->relay_config_path, 0);
    json_decref(config);
    return ret == 0 ? 0 : hf_error_set(error, EIO, "unable to write %s", scene->relay_config_path);
}

static int use_relay(struct hf_scene *scene, unsigned devices, struct hf_error *error)
{
    static char control_word[] = "--control={socket}";
    static char ready_word[] = "--ready-fd={ready-fd}";

    for (unsigned i = 0; i < devices; i++)
        snprintf(scene->front_paths[i], sizeof(scene->front_paths[i]), "%s/vmm%u", scene->folder,
                 i);
    snprintf(scene->relay_config_path, sizeof(scene->relay_config_path), "%s/relay.json",
             scene->folder);
    snprintf(scene->relay_control_path, sizeof(scene->relay_control_path), "%s/control",
             scene->folder);
    snprintf(scene->relay_log_path, sizeof(scene->relay_log_path), "%s/relay.log", scene->folder);
    snprintf(scene->relay_config_word, sizeof(scene->relay_config_word), "--config=%s",
             scene->relay_config_path);
    find_program(scene->relay_program, "holdfast-relay");
    scene->relay_command[0] = scene->relay_program;
    scene->relay_command[1] = scene->relay_config_word;
    scene->relay_command[2] = control_word;
    scene->relay_command[3] = ready_word;
    scene->relay_command[4] = NULL;
    return write_relay_config(scene, devices, error);
}

const char *hf_scene_front_path(const struct hf_scene *scene, unsigned front_end)
{
    return scene->relay_command[0] == NULL ? scene->socket_path : scene->front_paths[front_end];
}

/* ---- life ---- */

static bool wants_file(const struct hf_drill_settings *settings)
{
    if (settings->command == NULL)
        return true;
    for (char *const *word = settings->command; *word != NULL; word++) {
        if (strstr(*word, "{file}") != NULL)
            return true;
    }
    return false;
}

int hf_scene_make(struct hf_scene *scene, const struct hf_drill_settings *settings,
                  struct hf_error *error)
{
    *scene = (struct hf_scene){ .command = settings->command };
    int ret = make_folder(scene, error);

    if (ret == 0 && settings->command == NULL)
        use_our_target(scene, settings);
    if (ret == 0 && settings->via_relay)
        ret = use_relay(scene, settings->front_ends, error);
    if (ret == 0 && wants_file(settings))
        ret = make_file(scene, settings->size_bytes, error);
    else
        scene->file_path[0] = 0;
    if (ret == 0 && settings->file != NULL)
        snprintf(scene->file_path, sizeof(scene->file_path), "%s", settings->file);
    if (ret < 0)
        hf_scene_remove(scene);
    return ret;
}

static void remove_in(const char *folder, const char *name)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    unlink(path);
}

void hf_scene_remove(struct hf_scene *scene)
{
    static const char *const names[] = { "socket",     "socket.lock",  "disk.img", "back-end.log",
                                         "relay.json", "control.lock", "control",  "relay.log" };
    char name[32];

    if (scene->folder[0] == 0)
        return;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        remove_in(scene->folder, names[i]);
    for (unsigned i = 0; i < HF_DRILL_FRONT_ENDS_MAX; i++) {
        snprintf(name, sizeof(name), "vmm%u", i);
        remove_in(scene->folder, name);
        snprintf(name, sizeof(name), "vmm%u.lock", i);
        remove_in(scene->folder, name);
    }
    rmdir(scene->folder);
    scene->folder[0] = 0;
}

static void add_tail(const char *log_path, struct hf_error *error)
{
    char tail[LOG_TAIL_SIZE + 1] = "";
    char words[HF_ERROR_TEXT_SIZE];
    HF_AUTO_FD int fd = open(log_path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t start = size > LOG_TAIL_SIZE ? size - LOG_TAIL_SIZE : 0;
    ssize_t length = pread(fd, tail, LOG_TAIL_SIZE, start);
    while (length > 0 && tail[length - 1] == '\n')
        length--;
    if (length <= 0)
        return;
    tail[length] = 0;
    const char *line = strrchr(tail, '\n');
    snprintf(words, sizeof(words), "%s", error->text);
    hf_error_set(error, error->code, "%s; it said: %s", words, line == NULL ? tail : line + 1);
}

void hf_scene_add_log(const struct hf_scene *scene, struct hf_error *error)
{
    add_tail(scene->log_path, error);
}

void hf_scene_add_relay_log(const struct hf_scene *scene, struct hf_error *error)
{
    add_tail(scene->relay_log_path, error);
}
