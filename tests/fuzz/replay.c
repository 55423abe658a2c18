/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target without libFuzzer, for every compiler.
 *
 *     replay-NAME [PATH...]           runs the built-in seeds, those files and folders of files
 *     replay-NAME --only PATH...      runs those alone: an input that broke something
 *     replay-NAME --write FOLDER [PATH...]   writes them all as binary files: libFuzzer's start
 *
 * A file that ends in .hex is text: bytes in hexadecimal, a comment from # to the end of the line.
 */
#include "tally.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#define INPUT_MAX (1u << 20)

static const char *write_folder; /* NULL: run, do not write */

static _Noreturn void give_up(const char *what, const char *name)
{
    fprintf(stderr, "%s: cannot %s %s\n", fuzz_target.name, what, name);
    exit(2);
}

static void write_out(const char *name, const void *bytes, size_t size_bytes)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", write_folder, name);
    FILE *file = fopen(path, "we");
    if (file == NULL || fwrite(bytes, 1, size_bytes, file) != size_bytes || fclose(file) != 0)
        give_up("write", path);
}

void fuzz_seed(const char *name, const void *bytes, size_t size_bytes)
{
    if (write_folder != NULL)
        write_out(name, bytes, size_bytes);
    else
        tally_run(bytes, size_bytes);
}

static size_t read_file(const char *path, char *into, size_t capacity)
{
    FILE *file = fopen(path, "re");

    if (file == NULL)
        give_up("open", path);
    size_t size_bytes = fread(into, 1, capacity, file);
    if (ferror(file) || !feof(file) || fclose(file) != 0)
        give_up("read", path);
    return size_bytes;
}

static const char *skip_blank(const char *at, const char *end)
{
    while (at < end && (*at == '#' || isspace((unsigned char)*at))) {
        if (*at == '#')
            while (at < end && *at != '\n')
                at++;
        else
            at++;
    }
    return at;
}

/* In place: two digits become one byte. */
static size_t from_hex(char *text, size_t size_bytes, const char *path)
{
    const char *end = text + size_bytes;
    size_t count = 0;

    for (const char *at = skip_blank(text, end); at < end; at = skip_blank(at + 2, end)) {
        char digits[3] = { at[0], at + 1 < end ? at[1] : 0, 0 };
        char *rest;
        unsigned long byte = strtoul(digits, &rest, 16);

        if (rest != digits + 2)
            give_up("find two hexadecimal digits in", path);
        text[count++] = (char)byte;
    }
    return count;
}

static void take_file(const char *path)
{
    static char bytes[INPUT_MAX];
    size_t size_bytes = read_file(path, bytes, sizeof(bytes));
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(path, '.');

    if (suffix != NULL && strcmp(suffix, ".hex") == 0)
        size_bytes = from_hex(bytes, size_bytes, path);
    fuzz_seed(slash != NULL ? slash + 1 : path, bytes, size_bytes);
}

static void take_path(const char *path)
{
    char inside[PATH_MAX];
    DIR *folder = opendir(path);
    struct dirent *entry;

    if (folder == NULL) {
        take_file(path);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        take_file(inside);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    bool only = argc > 1 && strcmp(argv[1], "--only") == 0;
    int first = 1;

    if (argc > 2 && strcmp(argv[1], "--write") == 0) {
        write_folder = argv[2];
        first = 3;
    }
    if (only)
        first = 2;
    else
        fuzz_target.seeds();
    for (int i = first; i < argc; i++)
        take_path(argv[i]);
    if (write_folder != NULL)
        return 0;
    return tally_print() || only ? 0 : 1;
}
