/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices come, go, end, and are compared with a configuration; the devices themselves are fake. */
#include "relay/fleet.h"

#include "../os/fixture.h"

#include "base/text.h"
#include "fake_device.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct hf_loop loop;
static struct hf_relay_budget budget;
static struct hf_relay_fleet *fleet;
static char said[4096];
static struct hf_text lines;
static unsigned deserted, failures;

static void on_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    (void)host;
    (void)level;
    hf_text_add(&lines, "%s: %s\n", device, text);
}

static void on_changed(void *host)
{
    (void)host;
}

static void on_deserted(void *host, bool failed)
{
    (void)host;
    deserted++;
    failures += failed;
}

static const struct hf_relay_fleet_ops ops = { .log = on_log,
                                               .changed = on_changed,
                                               .deserted = on_deserted };

static int begin(void **state)
{
    assert_int_equal(fixture_begin(state), 0);
    fake_reset();
    lines = hf_text_of(said, sizeof(said));
    deserted = failures = 0;
    budget = (struct hf_relay_budget){ .limit = HF_RELAY_BUDGET_RESERVE + 35 };
    assert_int_equal(hf_loop_init(&loop), 0);
    fleet = hf_relay_fleet_new(&loop, &ops, &budget);
    return 0;
}

static int end(void **state)
{
    hf_relay_fleet_free(fleet);
    hf_loop_done(&loop);
    assert_int_equal(fake.alive, 0);
    assert_int_equal(budget.promised, 0);
    return fixture_end(state);
}

static struct hf_relay_setup setup_of(const char *name)
{
    struct hf_relay_setup setup;

    hf_relay_setup_init(&setup);
    strcpy(setup.name, name);
    strcpy(setup.listen_path, name);
    strcpy(setup.backends[0], "/b");
    setup.backend_count = 1;
    return setup;
}

static int add(const char *name, struct hf_error *error)
{
    const struct hf_relay_setup setup = setup_of(name);

    return hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_FILE, error);
}

static struct hf_relay_device *find(const char *name)
{
    return hf_relay_fleet_find(fleet, name, NULL);
}

static void turn(void)
{
    while (hf_loop_dispatch(&loop, 0) > 0)
        ;
}

static void devices_are_found_by_name_in_their_order(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("b", NULL), 0);
    assert_int_equal(hf_relay_fleet_count(fleet), 2);
    assert_ptr_equal(hf_relay_fleet_at(fleet, 0), find("a"));
    assert_ptr_equal(hf_relay_fleet_at(fleet, 1), find("b"));
    assert_null(hf_relay_fleet_at(fleet, 2));
    assert_null(hf_relay_fleet_find(fleet, "c", &error));
    assert_string_equal(error.text, "no device c; there are a, b");
    assert_int_equal(error.code, ENOENT);
}

static void a_name_and_a_socket_are_there_once(void **state)
{
    struct hf_relay_setup setup = setup_of("a");
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("a", &error), -EEXIST);
    assert_non_null(strstr(error.text, "of this name"));
    strcpy(setup.name, "other");
    assert_int_equal(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_CALL, &error), -EEXIST);
    assert_non_null(strstr(error.text, "device a listens on a"));
    setup.listen_path[0] = '\0';
    assert_int_equal(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_CALL, &error), -EINVAL);
    assert_non_null(strstr(error.text, "--listen=PATH"));
    assert_int_equal(hf_relay_fleet_count(fleet), 1);
}

static void a_device_without_descriptors_is_refused_before_it_starts(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("b", NULL), 0);
    assert_int_equal(add("c", NULL), 0);
    assert_int_equal(add("d", &error), -EMFILE);
    assert_non_null(strstr(error.text, "10 file descriptors"));
    assert_non_null(strstr(error.text, " 5 are left"));
    assert_int_equal(fake.made, 3);
    assert_int_equal(hf_relay_fleet_remove(fleet, "b", false, NULL), 0);
    assert_int_equal(add("d", NULL), 0);
}

static void one_that_cannot_be_made_leaves_nothing(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    fake.refuse = "a";
    assert_int_equal(add("a", &error), -EADDRINUSE);
    assert_string_equal(error.text, "a is taken");
    assert_int_equal(hf_relay_fleet_count(fleet), 0);
    assert_int_equal(budget.promised, 0);
    turn();
    assert_int_equal(deserted, 0);
}

static void a_vmm_keeps_its_device(void **state)
{
    struct hf_error error = { 0 };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    fake_set_phase(find("a"), HF_RELAY_PHASE_AWAY);
    assert_int_equal(hf_relay_fleet_remove(fleet, "a", false, &error), -EBUSY);
    assert_non_null(strstr(error.text, "has a VMM"));
    assert_int_equal(hf_relay_fleet_remove(fleet, "a", true, &error), 0);
    assert_int_equal(hf_relay_fleet_remove(fleet, "a", true, &error), -ENOENT);
    turn();
    assert_int_equal(deserted, 0);
}

static void one_that_ends_goes_and_the_last_one_is_told(void **state)
{
    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("b", NULL), 0);
    fake_end(find("a"), "waited long enough");
    turn();
    assert_string_equal(said, "a: waited long enough\n");
    assert_null(find("a"));
    assert_int_equal(deserted, 0);
    fake_end(find("b"), "me too");
    turn();
    assert_int_equal(deserted, 1);
    assert_int_equal(failures, 1);
}

static void one_that_ends_while_it_is_made_goes_later(void **state)
{
    (void)state;
    fake.end_early = "a";
    assert_int_equal(add("a", NULL), 0);
    assert_non_null(find("a"));
    turn();
    assert_int_equal(hf_relay_fleet_count(fleet), 0);
    assert_int_equal(deserted, 1);
}

static void the_end_of_the_one_vmm_is_no_failure(void **state)
{
    struct hf_relay_setup setup = setup_of("a");
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    setup.listen_path[0] = '\0';
    setup.fd = pair[0];
    assert_int_equal(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_FILE, NULL), 0);
    assert_int_equal(fake.last.vmm_fd, pair[0]);
    fake_end(find("a"), "its VMM has gone");
    turn();
    assert_int_equal(deserted, 1);
    assert_int_equal(failures, 0);
    hf_fd_close(&pair[1]);
}

static void descriptors_are_taken_even_in_failure(void **state)
{
    static const char *const names[] = { "taken", "a", "d", "no socket" };

    (void)state;
    fake.refuse = "a";
    assert_int_equal(add("taken", NULL), 0);
    for (unsigned i = 0; i < 4; i++) {
        struct hf_relay_setup setup = setup_of(names[i]);
        int pair[2];
        fake.fds = i == 2 ? 1000 : 10;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        hf_fd_close(&pair[1]);
        setup.given_fd = i < 3 ? pair[0] : open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (i == 3)
            hf_fd_close(&pair[0]);
        assert_true(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_FILE, NULL) < 0);
        assert_true(fcntl(setup.given_fd, F_GETFD) < 0);
    }
}

/* ---- reload ---- */

static struct hf_relay_reload reload(struct hf_relay_setup *setups, unsigned count)
{
    lines = hf_text_of(said, sizeof(said));
    return hf_relay_fleet_reload(fleet, setups, count);
}

static void a_reload_adds_what_is_new_and_removes_what_is_idle(void **state)
{
    struct hf_relay_setup setups[] = { setup_of("b"), setup_of("c") };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("b", NULL), 0);
    const struct hf_relay_device *kept = find("b");
    const struct hf_relay_reload result = reload(setups, 2);
    assert_int_equal(result.added, 1);
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.changed + result.left_alone + result.failed, 0);
    assert_null(find("a"));
    assert_ptr_equal(find("b"), kept);
    assert_non_null(find("c"));
    assert_non_null(strstr(said, "a: removed"));
}

static void a_reload_touches_no_device_with_a_vmm_and_says_why(void **state)
{
    struct hf_relay_setup setups[] = { setup_of("b"), setup_of("c") };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    assert_int_equal(add("b", NULL), 0);
    assert_int_equal(add("c", NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        fake_set_phase(hf_relay_fleet_at(fleet, i), HF_RELAY_PHASE_RUNNING);
    setups[0].hang_after_ns = 1;
    const struct hf_relay_reload result = reload(setups, 2);
    assert_int_equal(result.left_alone, 2);
    assert_int_equal(result.added + result.removed + result.changed + result.failed, 0);
    assert_int_equal(fake.made, 3);
    assert_int_equal(fake.alive, 3);
    assert_non_null(strstr(said, "a: left alone: the configuration has it no more"));
    assert_non_null(strstr(said, "b: left alone: the configuration has changed"));
    assert_null(strstr(said, "c: "));
}

static void a_changed_device_without_vmm_is_made_anew(void **state)
{
    struct hf_relay_setup setups[] = { setup_of("a") };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    strcpy(setups[0].backends[0], "/new");
    const struct hf_relay_reload result = reload(setups, 1);
    assert_int_equal(result.changed, 1);
    assert_int_equal(fake.made, 2);
    assert_int_equal(fake.alive, 1);
    assert_string_equal(fake.last.backends[0], "/new");
    assert_int_equal(reload(setups, 1).changed, 0);
}

static void a_socket_moves_from_one_device_to_another(void **state)
{
    struct hf_relay_setup setups[] = { setup_of("new") };

    (void)state;
    assert_int_equal(add("a", NULL), 0);
    strcpy(setups[0].listen_path, "a");
    const struct hf_relay_reload result = reload(setups, 1);
    assert_int_equal(result.added, 1);
    assert_int_equal(result.removed, 1);
}

static void what_was_added_by_a_call_is_not_the_files(void **state)
{
    struct hf_relay_setup setup = setup_of("a"), other = setup_of("a");

    (void)state;
    assert_int_equal(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_CALL, NULL), 0);
    assert_int_equal(reload(NULL, 0).removed, 0);
    assert_non_null(find("a"));
    other.wait_ns = 1;
    assert_int_equal(reload(&other, 1).left_alone, 1);
    assert_non_null(strstr(said, "added by a call"));
    assert_int_equal(fake.made, 1);
}

static void a_passed_socket_is_not_thrown_away(void **state)
{
    struct hf_relay_setup setup = setup_of("a");
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    const struct sockaddr any = { .sa_family = AF_UNIX }; /* an abstract name */
    assert_int_equal(bind(listener, &any, sizeof(any.sa_family)), 0);
    assert_int_equal(listen(listener, 1), 0);
    setup.given_fd = listener;
    assert_int_equal(hf_relay_fleet_add(fleet, &setup, HF_RELAY_ORIGIN_FILE, NULL), 0);
    setup.given_fd = -1;
    assert_int_equal(reload(&setup, 1).left_alone, 0);
    setup.wait_ns = 1;
    assert_int_equal(reload(&setup, 1).left_alone, 1);
    assert_non_null(strstr(said, "its socket was passed to us"));
    assert_int_equal(fake.made, 1);
}

static void one_that_fails_keeps_the_others_from_nothing(void **state)
{
    struct hf_relay_setup setups[] = { setup_of("bad"), setup_of("good") };

    (void)state;
    fake.refuse = "bad";
    const struct hf_relay_reload result = reload(setups, 2);
    assert_int_equal(result.failed, 1);
    assert_int_equal(result.added, 1);
    assert_non_null(strstr(said, "bad: bad is taken"));
    assert_non_null(find("good"));
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(devices_are_found_by_name_in_their_order),
        CLEAN(a_name_and_a_socket_are_there_once),
        CLEAN(a_device_without_descriptors_is_refused_before_it_starts),
        CLEAN(one_that_cannot_be_made_leaves_nothing),
        CLEAN(a_vmm_keeps_its_device),
        CLEAN(one_that_ends_goes_and_the_last_one_is_told),
        CLEAN(one_that_ends_while_it_is_made_goes_later),
        CLEAN(the_end_of_the_one_vmm_is_no_failure),
        CLEAN(descriptors_are_taken_even_in_failure),
        CLEAN(a_reload_adds_what_is_new_and_removes_what_is_idle),
        CLEAN(a_reload_touches_no_device_with_a_vmm_and_says_why),
        CLEAN(a_changed_device_without_vmm_is_made_anew),
        CLEAN(a_socket_moves_from_one_device_to_another),
        CLEAN(what_was_added_by_a_call_is_not_the_files),
        CLEAN(a_passed_socket_is_not_thrown_away),
        CLEAN(one_that_fails_keeps_the_others_from_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
