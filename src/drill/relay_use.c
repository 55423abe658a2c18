/* SPDX-License-Identifier: BSD-3-Clause */
/* See relay_use.h. schedstat counts nanoseconds, where stat counts hundredths of a second. */
#include "drill/relay_use.h"

#include <dirent.h>
#include <stdio.h>

#define PATH_SIZE 64

typedef void visit_fn(pid_t pid, const char *name, struct hf_relay_use *use);

static void visit_all(pid_t pid, const char *folder, visit_fn *visit, struct hf_relay_use *use)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, folder);
    DIR *list = opendir(path);
    if (list == NULL)
        return;
    for (struct dirent *entry = readdir(list); entry != NULL; entry = readdir(list)) {
        if (entry->d_name[0] != '.')
            visit(pid, entry->d_name, use);
    }
    closedir(list);
}

static void count_fd(pid_t pid, const char *name, struct hf_relay_use *use)
{
    (void)pid;
    (void)name;
    use->fds++;
}

static void add_time(pid_t pid, const char *name, struct hf_relay_use *use)
{
    char path[2 * PATH_SIZE];
    unsigned long long ran_ns = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%.32s/schedstat", pid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fscanf(file, "%llu", &ran_ns) == 1)
        use->cpu_ns += ran_ns;
    fclose(file);
}

static void read_memory(pid_t pid, struct hf_relay_use *use)
{
    char line[128];
    unsigned long long kib;

    snprintf(line, sizeof(line), "/proc/%d/status", pid);
    FILE *file = fopen(line, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "VmRSS: %llu kB", &kib) == 1)
            use->rss_bytes = kib * 1024;
    }
    fclose(file);
}

struct hf_relay_use hf_relay_use_of(pid_t pid)
{
    struct hf_relay_use use = { 0 };

    visit_all(pid, "fd", count_fd, &use);
    visit_all(pid, "task", add_time, &use);
    read_memory(pid, &use);
    return use;
}
