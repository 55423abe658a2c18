/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines to standard error: one write each, so that threads do not mix. */
#include "os/log.h"

#include "base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *word;
    const char *journal; /* sd-daemon(3) */
} levels[HF_LOG_LEVEL_COUNT] = {
    [HF_LOG_ERROR] = { "error", "<3>" },   [HF_LOG_WARNING] = { "warning", "<4>" },
    [HF_LOG_NOTICE] = { "notice", "<5>" }, [HF_LOG_INFO] = { "info", "<6>" },
    [HF_LOG_DEBUG] = { "debug", "<7>" },
};

static const char *program_name = "holdfast";
static bool to_journal;
static _Atomic int highest_level = HF_LOG_NOTICE;

/* systemd.exec(5): JOURNAL_STREAM is device:inode of the journal's socket. Standard error may have
 * been redirected since, so compare. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char ours[64];

    if (stream == NULL || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(stream, ours) == 0;
}

void hf_log_init(const char *program)
{
    program_name = program;
    to_journal = is_journal();
}

void hf_log_set_level(enum hf_log_level level)
{
    atomic_store_explicit(&highest_level, (int)level, memory_order_relaxed);
}

bool hf_log_enabled(enum hf_log_level level)
{
    return (int)level <= atomic_load_explicit(&highest_level, memory_order_relaxed);
}

bool hf_log_parse_level(const char *word, enum hf_log_level *level)
{
    for (int i = 0; i < HF_LOG_LEVEL_COUNT; i++)
        if (strcmp(levels[i].word, word) == 0) {
            *level = (enum hf_log_level)i;
            return true;
        }
    return false;
}

/* The prefix replaces the words: the journal knows who we are. */
static void begin_line(struct hf_text *line, enum hf_log_level level)
{
    if (to_journal)
        hf_text_add(line, "%s", levels[level].journal);
    else
        hf_text_add(line, "%s: %s: ", program_name, levels[level].word);
}

void hf_log(enum hf_log_level level, const char *format, ...)
{
    char bytes[2048];
    va_list arguments;

    if (!hf_log_enabled(level))
        return;
    int kept = errno;
    /* One byte is kept back, so that a line that was cut still ends. */
    struct hf_text line = hf_text_of(bytes, sizeof(bytes) - 1);
    begin_line(&line, level);
    va_start(arguments, format);
    hf_text_add_v(&line, format, arguments);
    va_end(arguments);
    bytes[line.length] = '\n';
    ssize_t written = write(STDERR_FILENO, bytes, line.length + 1);
    (void)written; /* nobody to tell */
    errno = kept;
}

bool hf_log_allowed(struct hf_log_limit *limit, uint64_t now_ns, unsigned *suppressed)
{
    *suppressed = 0;
    if (limit->used == 0 || now_ns - limit->since_ns >= limit->interval_ns) {
        limit->since_ns = now_ns;
        limit->used = 0;
    }
    if (limit->used >= limit->burst) {
        limit->suppressed++;
        return false;
    }
    limit->used++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
