/* SPDX-License-Identifier: BSD-3-Clause */
#include "../cmocka_all.h"

#include "held.h"

#include <dirent.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

/* The allocator may keep some pages. */
#define ANONYMOUS_SLACK_KIB 16

static unsigned count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static unsigned count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned count = 0;

    for (int c; (c = fgetc(file)) != EOF;)
        count += c == '\n';
    fclose(file);
    return count;
}

/* statm is off by some pages a CPU (a per-CPU counter), and code is paged in when it first runs:
 * what can leak is anonymous. */
static long anonymous_kib(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long anonymous = -1;

    while (anonymous < 0 && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Anonymous: %ld kB", &anonymous) != 1)
            anonymous = -1;
    }
    fclose(file);
    assert_true(anonymous > 0);
    return anonymous;
}

struct held held_now(void)
{
    return (struct held){ .fds = count_fds(),
                          .mappings = count_lines("/proc/self/maps"),
                          .anonymous_kib = anonymous_kib() };
}

void held_expect(const struct held *before)
{
    struct held now = held_now();

    /* Before, on a slow machine, something may have been on its way out. */
    assert_in_range(now.fds, 0, before->fds);
    assert_in_range(now.mappings, 0, before->mappings);
    assert_true(SANITIZED || now.anonymous_kib <= before->anonymous_kib + ANONYMOUS_SLACK_KIB);
}
