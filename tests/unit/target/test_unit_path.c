/* SPDX-License-Identifier: BSD-3-Clause */
/* src/target/unit_path.c, unit.c: opening, what can be wrong with a file, and the lock. */
#include "../cmocka_all.h"
#include "../temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "target/unit.h"

static char folder[128];

static int enter_folder(void **state)
{
    (void)state;
    make_temporary_folder(folder, sizeof(folder));
    return chdir(folder);
}

static int leave_folder(void **state)
{
    char command[160];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void make(const char *name, off_t size_bytes, mode_t mode)
{
    int fd = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size_bytes), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static struct hf_unit *open_unit(const char *words)
{
    struct hf_error error = { 0 };
    struct hf_unit *unit = hf_unit_open(words, 0, &error);

    if (!unit)
        fail_msg("%s", error.text);
    return unit;
}

static void a_file_becomes_a_disk_of_its_size(void **state)
{
    struct hf_unit *unit;

    (void)state;
    make("disk.img", 1 << 20, 0600);
    unit = open_unit("disk.img");
    assert_int_equal(unit->facts.kind, HF_LUN_KIND_DISK);
    assert_int_equal(unit->facts.blocks, 2048);
    assert_int_equal(unit->facts.block_size_bytes, 512);
    assert_true(unit->facts.write_cache);
    assert_true(unit->facts.dpofua);
    assert_false(unit->facts.read_only);
    hf_unit_close(unit);
    unit = open_unit("disk.img,block-size=4096,cache=writethrough,ro");
    assert_int_equal(unit->facts.blocks, 256);
    assert_false(unit->facts.write_cache);
    assert_true(unit->facts.read_only);
    hf_unit_close(unit);
}

static void the_facts_are_the_same_after_a_restart(void **state)
{
    struct hf_unit *first;
    struct hf_unit *second;
    struct hf_unit *other;

    (void)state;
    make("disk.img", 1 << 20, 0600);
    make("other.img", 1 << 20, 0600);
    first = open_unit("disk.img");
    second = open_unit("./disk.img");
    other = open_unit("other.img");
    assert_true(first->facts.serial[0] != '\0');
    assert_memory_equal(&first->facts, &second->facts, sizeof(first->facts));
    assert_string_not_equal(first->facts.serial, other->facts.serial);
    hf_unit_close(first);
    hf_unit_close(second);
    hf_unit_close(other);
}

static void a_fault_unit_has_the_facts_of_what_it_wraps(void **state)
{
    struct hf_unit *bare;
    struct hf_unit *wrapped;

    (void)state;
    make("disk.img", 1 << 20, 0600);
    bare = open_unit("disk.img");
    wrapped = open_unit("fault:delay=1ms,disk.img");
    assert_memory_equal(&bare->facts, &wrapped->facts, sizeof(bare->facts));
    hf_unit_close(bare);
    hf_unit_close(wrapped);
}

static void bad_input_gets_one_clear_line(void **state)
{
    static const struct {
        const char *words;
        const char *says;
    } wrongs[] = {
        { "missing.img", "no such file" },
        { "directory", "is a directory" },
        { "pipe", "is a pipe" },
        { "/dev/null", "is a character device" },
        { "empty.img", "size 0" },
        { "odd.img", "is not a multiple of the block size 512" },
        { "small.img,block-size=4096", "is not a multiple of the block size 4096" },
        { "kept.img", "serve it read-only with ',ro'" },
        { "missing-folder/disk.img", "no such file" },
        { "null:0", "size 0" },
        { "mem:1000", "not a multiple" },
    };

    (void)state;
    assert_int_equal(mkdir("directory", 0700), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    make("empty.img", 0, 0600);
    make("odd.img", 1000, 0600);
    make("small.img", 512, 0600);
    make("kept.img", 1 << 20, 0400);
    for (size_t i = 0; i < HF_ARRAY_COUNT(wrongs); i++) {
        struct hf_error error = { 0 };

        assert_null(hf_unit_open(wrongs[i].words, 0, &error));
        assert_true(error.code > 0);
        if (!strstr(error.text, wrongs[i].says) || !strstr(error.text, wrongs[i].words) ||
            strchr(error.text, '\n'))
            fail_msg("'%s' gave: %s", wrongs[i].words, error.text);
    }
}

/* ---- the lock ---- */

static int lock_in_a_child_at(const char *words, const char *socket_path)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct hf_error error = { 0 };
        struct hf_unit *unit = hf_unit_open(words, 0, &error);
        hf_unit_set_service(unit, socket_path);
        int ret = unit ? hf_unit_lock_try(unit, &error) : -ENODEV;

        if (ret == -EAGAIN && (!strstr(error.text, "locked by") || !strstr(error.text, words)))
            ret = -EBADMSG;
        _exit(-ret);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return -WEXITSTATUS(status);
}

static int lock_in_a_child(const char *words)
{
    return lock_in_a_child_at(words, "/run/another");
}

static void a_locked_unit_is_refused_to_others_until_unlocked(void **state)
{
    struct hf_unit *unit;

    (void)state;
    make("disk.img", 1 << 20, 0600);
    unit = open_unit("disk.img");
    assert_int_equal(lock_in_a_child("disk.img"), 0);
    assert_int_equal(hf_unit_lock_try(unit, NULL), 0);
    assert_int_equal(hf_unit_lock_try(unit, NULL), 0);
    assert_int_equal(lock_in_a_child("disk.img"), -EAGAIN);
    assert_int_equal(lock_in_a_child("fault:delay=1ms,disk.img"), -EAGAIN);
    assert_int_equal(lock_in_a_child("disk.img,ro"), -EAGAIN);
    hf_unit_unlock(unit);
    assert_int_equal(lock_in_a_child("disk.img"), 0);
    hf_unit_close(unit);
}

/* A killed predecessor at the same socket may have reads in flight into memory that is used again;
 * one at another socket has other front-ends. */
static void readers_share_a_unit_unless_they_serve_one_socket(void **state)
{
    struct hf_unit *unit;

    (void)state;
    make("disk.img", 1 << 20, 0600);
    unit = open_unit("fault:delay=1ms,disk.img,ro");
    hf_unit_set_service(unit, "/run/one");
    assert_int_equal(hf_unit_lock_try(unit, NULL), 0);
    assert_int_equal(lock_in_a_child("disk.img,ro"), 0);
    assert_int_equal(lock_in_a_child("disk.img"), -EAGAIN);
    assert_int_equal(hf_unit_lock_try(unit, NULL), 0);
    assert_int_equal(lock_in_a_child_at("disk.img,ro", "/run/one"), -EAGAIN);
    hf_unit_unlock(unit);
    assert_int_equal(lock_in_a_child_at("disk.img,ro", "/run/one"), 0);
    hf_unit_close(unit);
}

static void units_without_a_medium_need_no_lock(void **state)
{
    struct hf_unit *unit = open_unit("mem:1M");

    (void)state;
    assert_int_equal(hf_unit_lock_try(unit, NULL), 0);
    assert_true(unit->volatile_data);
    hf_unit_unlock(unit);
    hf_unit_close(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_becomes_a_disk_of_its_size),
        cmocka_unit_test(the_facts_are_the_same_after_a_restart),
        cmocka_unit_test(a_fault_unit_has_the_facts_of_what_it_wraps),
        cmocka_unit_test(bad_input_gets_one_clear_line),
        cmocka_unit_test(a_locked_unit_is_refused_to_others_until_unlocked),
        cmocka_unit_test(readers_share_a_unit_unless_they_serve_one_socket),
        cmocka_unit_test(units_without_a_medium_need_no_lock),
    };

    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
