/* SPDX-License-Identifier: BSD-3-Clause */
/* The command and a process's life, with the shell as the back-end. */
#include "../cmocka_all.h"
#include "../temporary.h"

#include "drill/backend.h"
#include "os/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct place {
    char folder[128];
    char socket[144];
    char log[144];
    struct hf_backend backend;
    struct hf_error error;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    make_temporary_folder(place->folder, sizeof(place->folder));
    snprintf(place->socket, sizeof(place->socket), "%s/s", place->folder);
    snprintf(place->log, sizeof(place->log), "%s/log", place->folder);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    hf_backend_done(&place->backend);
    unlink(place->socket);
    unlink(place->log);
    rmdir(place->folder);
    free(place);
    return 0;
}

static int init(struct place *place, char *const *command, const char *file)
{
    struct hf_backend_setup setup = {
        .command = command, .socket_path = place->socket, .file_path = file, .log_path = place->log
    };

    return hf_backend_init(&place->backend, &setup, &place->error);
}

static int init_shell(struct place *place, char *script)
{
    char *command[] = { "sh", "-c", script, "{socket}", NULL };

    return init(place, command, NULL);
}

static void placeholders_are_replaced_anywhere_in_a_word(void **state)
{
    struct place *place = *state;
    char *command[] = { "prog", "--a={socket}", "x,{file},{file}", "{ready-fd}{lock-fd}", "{other}",
                        NULL };
    char expected[160];

    assert_int_equal(init(place, command, "/f"), 0);
    snprintf(expected, sizeof(expected), "--a=%s", place->socket);
    assert_string_equal(place->backend.words[1], expected);
    assert_string_equal(place->backend.words[2], "x,/f,/f");
    assert_string_equal(place->backend.words[3], "34");
    assert_string_equal(place->backend.words[4], "{other}");
    assert_null(place->backend.words[5]);
    assert_true(place->backend.stamps[HF_BACKEND_STAMP_LISTENING]);
    assert_true(place->backend.stamps[HF_BACKEND_STAMP_LOCK]);
}

static void our_own_target_is_told_where_to_stamp(void **state)
{
    struct place *place = *state;
    char *command[] = { "./build/holdfast-target", "--socket-path={socket}", NULL };

    assert_int_equal(init(place, command, NULL), 0);
    assert_string_equal(place->backend.words[2], "--ready-fd=3");
    assert_string_equal(place->backend.words[3], "--lock-fd=4");
    assert_true(place->backend.stamps[HF_BACKEND_STAMP_LISTENING]);
    assert_true(place->backend.stamps[HF_BACKEND_STAMP_LOCK]);
}

static void a_stranger_is_not(void **state)
{
    struct place *place = *state;
    char *command[] = { "vhost", "{socket}", NULL };

    assert_int_equal(init(place, command, NULL), 0);
    assert_null(place->backend.words[2]);
    assert_false(place->backend.stamps[HF_BACKEND_STAMP_LISTENING]);
    assert_false(place->backend.stamps[HF_BACKEND_STAMP_LOCK]);
}

static void a_command_without_a_socket_is_refused(void **state)
{
    struct place *place = *state;
    char *command[] = { "vhost", "/some/socket", NULL };

    assert_int_equal(init(place, command, NULL), -EINVAL);
    assert_non_null(strstr(place->error.text, "{socket}"));
}

static void a_file_where_there_is_none_is_refused(void **state)
{
    struct place *place = *state;
    char *command[] = { "vhost", "{socket}", "{file}", NULL };

    assert_int_equal(init(place, command, NULL), -EINVAL);
    assert_non_null(strstr(place->error.text, "{file}"));
}

static void units_that_die_with_the_process_are_refused_with_the_reason(void **state)
{
    static char *const units[] = { "mem:1G", "null:1T", "fault:delay=1ms,mem:1G",
                                   "fault:reorder=64,delay=1ms,null:4G,ro" };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        char *command[] = { "holdfast-target", "--socket-path={socket}", units[i], NULL };
        assert_int_equal(init(place, command, NULL), -EINVAL);
        assert_non_null(strstr(place->error.text, units[i]));
        assert_non_null(strstr(place->error.text, "by nature"));
    }
}

static void wait_for_stamp(struct place *place)
{
    for (unsigned i = 0; i < 2000 && !hf_backend_look(&place->backend); i++)
        usleep(1000);
    assert_true(hf_backend_look(&place->backend));
}

static void the_stamp_of_the_process_itself_counts(void **state)
{
    struct place *place = *state;

    assert_int_equal(init_shell(place, "printf '\\1\\2\\3\\0\\0\\0\\0\\0' >&{ready-fd}; sleep 60"),
                     0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    wait_for_stamp(place);
    assert_int_equal(place->backend.listening_ns, 0x030201);
}

static uint64_t wait_for_lock_stamp(struct place *place)
{
    for (unsigned i = 0; i < 2000 && hf_backend_look_at_lock(&place->backend) == 0; i++)
        usleep(1000);
    return hf_backend_look_at_lock(&place->backend);
}

static void it_is_unlocked_when_it_listens_or_when_it_was_last_kept_out(void **state)
{
    static const struct {
        const char *busy; /* the first bytes, the lowest first */
        uint64_t unlocked_ns;
    } rows[] = { { "\\0\\0\\0", 0x030201 }, { "\\0\\1\\3", 0x030201 }, { "\\4\\2\\3", 0x030204 } };
    struct place *place = *state;
    char script[160];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(script, sizeof(script),
                 "printf '\\1\\2\\3\\0\\0\\0\\0\\0' >&{ready-fd}; "
                 "printf '%s\\0\\0\\0\\0\\0' >&{lock-fd}; sleep 60",
                 rows[i].busy);
        assert_int_equal(init_shell(place, script), 0);
        assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
        wait_for_stamp(place);
        assert_int_equal(wait_for_lock_stamp(place), rows[i].unlocked_ns);
        hf_backend_done(&place->backend);
    }
}

static void it_does_not_say_so_where_it_is_not_asked(void **state)
{
    struct place *place = *state;

    assert_int_equal(init_shell(place, "printf '\\1\\2\\3\\0\\0\\0\\0\\0' >&{ready-fd}; sleep 60"),
                     0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    wait_for_stamp(place);
    assert_int_equal(hf_backend_look_at_lock(&place->backend), 0);
}

static void it_runs_with_the_priority_it_is_given(void **state)
{
    struct place *place = *state;
    char *command[] = { "sh", "-c", "sleep 60", "{socket}", NULL };
    struct hf_backend_setup setup = {
        .command = command, .socket_path = place->socket, .log_path = place->log, .priority = 19
    };
    int priority = 0;

    assert_int_equal(hf_backend_init(&place->backend, &setup, &place->error), 0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    for (unsigned i = 0; i < 2000 && priority != 19; i++) {
        usleep(1000);
        priority = getpriority(PRIO_PROCESS, (id_t)place->backend.pid);
    }
    assert_int_equal(priority, 19);
}

/* Gone, or a zombie that waits for somebody to look. */
static bool is_dead(const char *pid)
{
    char path[64];
    char line[256] = "";

    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return true;
    const char *got = fgets(line, sizeof(line), file);
    fclose(file);
    return got == NULL || strstr(line, ") Z ") != NULL;
}

/* The shell wrote the process id of its child to the path of the socket. */
static void read_child(const struct place *place, char *pid, size_t size)
{
    FILE *file = NULL;
    bool got = false;

    for (unsigned i = 0; i < 2000 && !got; i++) {
        usleep(1000);
        file = fopen(place->socket, "r");
        got = file != NULL && fgets(pid, (int)size, file) != NULL && strchr(pid, '\n') != NULL;
        if (file != NULL)
            fclose(file);
    }
    assert_true(got);
    pid[strcspn(pid, "\n")] = 0;
}

static void a_kill_kills_the_whole_group_and_is_no_end_by_itself(void **state)
{
    struct place *place = *state;
    char child[32] = "";

    assert_int_equal(init_shell(place, "sleep 60 & echo $! >{socket}; wait"), 0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    read_child(place, child, sizeof(child));
    struct hf_killer_aim aim = { .at_ns = hf_clock_ns() + 20 * HF_NS_PER_MS };
    assert_int_equal(hf_backend_kill_at(&place->backend, &aim, &place->error), 0);
    while (hf_backend_killed(&place->backend) == 0)
        assert_false(hf_backend_ended(&place->backend, &place->error));
    assert_true(hf_backend_killed(&place->backend) >= aim.at_ns);
    assert_false(hf_backend_ended(&place->backend, &place->error));
    assert_int_equal(hf_backend_reap(&place->backend, 5000, &place->error), 0);
    for (unsigned i = 0; i < 1000 && !is_dead(child); i++)
        usleep(1000);
    assert_true(is_dead(child));
}

static void an_end_by_itself_is_told_with_its_status(void **state)
{
    struct place *place = *state;

    assert_int_equal(init_shell(place, "exit 7"), 0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    while (!hf_backend_ended(&place->backend, &place->error))
        usleep(1000);
    assert_non_null(strstr(place->error.text, "status 7"));
}

static void a_program_that_is_not_there_is_told(void **state)
{
    struct place *place = *state;
    char *command[] = { "/no/such/program", "{socket}", NULL };

    assert_int_equal(init(place, command, NULL), 0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    while (!hf_backend_ended(&place->backend, &place->error))
        usleep(1000);
    assert_non_null(strstr(place->error.text, "could not be run"));
}

static void a_kill_that_is_not_wanted_any_more_does_not_come(void **state)
{
    struct place *place = *state;
    uint64_t start = hf_clock_ns();
    struct hf_killer_aim aim = { .at_ns = start + 3600 * HF_NS_PER_S };

    assert_int_equal(init_shell(place, "trap 'exit 0' TERM; sleep 60 & wait"), 0);
    assert_int_equal(hf_backend_spawn(&place->backend, &place->error), 0);
    assert_int_equal(hf_backend_kill_at(&place->backend, &aim, &place->error), 0);
    hf_backend_stop(&place->backend, 5000);
    assert_int_equal(hf_backend_killed(&place->backend), 0);
    assert_int_equal(place->backend.pid, 0);
    assert_true(hf_clock_ns() - start < 10 * HF_NS_PER_S);
}

int main(void)
{
#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PLACE_TEST(placeholders_are_replaced_anywhere_in_a_word),
        PLACE_TEST(our_own_target_is_told_where_to_stamp),
        PLACE_TEST(a_stranger_is_not),
        PLACE_TEST(a_command_without_a_socket_is_refused),
        PLACE_TEST(a_file_where_there_is_none_is_refused),
        PLACE_TEST(units_that_die_with_the_process_are_refused_with_the_reason),
        PLACE_TEST(the_stamp_of_the_process_itself_counts),
        PLACE_TEST(it_is_unlocked_when_it_listens_or_when_it_was_last_kept_out),
        PLACE_TEST(it_does_not_say_so_where_it_is_not_asked),
        PLACE_TEST(it_runs_with_the_priority_it_is_given),
        PLACE_TEST(a_kill_kills_the_whole_group_and_is_no_end_by_itself),
        PLACE_TEST(an_end_by_itself_is_told_with_its_status),
        PLACE_TEST(a_program_that_is_not_there_is_told),
        PLACE_TEST(a_kill_that_is_not_wanted_any_more_does_not_come),
    };

    return cmocka_run_group_tests_name("drill/backend", tests, NULL, NULL);
}
