/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who holds a lock: /proc/<pid>/fdinfo/<fd> has a line "lock:" for each lock taken through that
 * open file (proc(5)). Best effort: other users' processes hide, and a holder may be past its end.
 */
#include "os/lock.h"

#include "os/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A start of a name, in any folder of /proc/<pid>. */
static ssize_t read_start(const char *path, char *into, size_t capacity)
{
    HF_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    ssize_t length = read(fd, into, capacity - 1);
    into[length > 0 ? length : 0] = '\0';
    return length;
}

static bool shows_lock(long pid, const char *fd_name)
{
    char path[64];
    char info[2048];

    snprintf(path, sizeof(path), "/proc/%ld/fdinfo/%.16s", pid, fd_name);
    return read_start(path, info, sizeof(info)) > 0 && strstr(info, "\nlock:") != NULL;
}

static bool is_same_file(DIR *folder, const char *fd_name, const struct stat *wanted)
{
    struct stat found;

    return fstatat(dirfd(folder), fd_name, &found, 0) == 0 && hf_stat_is_same(&found, wanted);
}

static bool holds_lock(long pid, const struct stat *wanted)
{
    char path[32];
    bool held = false;

    snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    struct dirent *entry = readdir(folder);
    while (entry != NULL && !held) {
        held = is_same_file(folder, entry->d_name, wanted) && shows_lock(pid, entry->d_name);
        entry = readdir(folder);
    }
    closedir(folder);
    return held;
}

/* The name is the process' own choice: keep it from playing with the terminal. */
static void describe(struct hf_lock_owner *owner, long pid)
{
    char path[32];

    owner->pid = (pid_t)pid;
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    if (read_start(path, owner->name, sizeof(owner->name)) <= 0)
        memcpy(owner->name, "?", 2);
    owner->name[strcspn(owner->name, "\n")] = '\0';
    for (char *at = owner->name; *at != '\0'; at++)
        if (!isprint((unsigned char)*at))
            *at = '?';
}

bool hf_lock_find_owner(int fd, struct hf_lock_owner *owner)
{
    struct stat wanted;
    bool found = false;

    *owner = (struct hf_lock_owner){ 0 };
    DIR *folder = fstat(fd, &wanted) == 0 ? opendir("/proc") : NULL;
    if (folder == NULL)
        return false;
    struct dirent *entry = readdir(folder);
    while (entry != NULL && !found) {
        long pid = strtol(entry->d_name, NULL, 10);
        found = pid > 0 && pid != getpid() && holds_lock(pid, &wanted);
        if (found)
            describe(owner, pid);
        entry = readdir(folder);
    }
    closedir(folder);
    return found;
}
