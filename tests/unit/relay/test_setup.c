/* SPDX-License-Identifier: BSD-3-Clause */
/* Each word of a device: what it may be, what it makes of the whole, and what it does not. */
#include "relay/setup.h"

#include "base/check.h"
#include "cmocka_all.h"
#include "os/fd.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int take(struct hf_relay_setup *setup, const char *name, const char *word)
{
    struct hf_error error = { 0 };
    const struct hf_relay_word *row = hf_relay_word_of(name);

    assert_non_null(row);
    int failed = row->take(setup, word, &error);
    assert_int_equal(failed, -error.code);
    return failed;
}

static void without_words_there_are_the_devices_defaults(void **state)
{
    struct hf_relay_setup setup;

    (void)state;
    hf_relay_setup_init(&setup);
    assert_string_equal(setup.type->name, "scsi");
    assert_int_equal(setup.fence, HF_FENCE_EXIT);
    assert_int_equal(setup.socket_mode, 0600);
    assert_int_equal(setup.fd, -1);
    assert_int_equal(setup.given_fd, -1);
    assert_int_equal(setup.wait_ns, 0);
    assert_int_equal(setup.reply_timeout_ns, hf_relay_device_config_default.reply_timeout_ns);
    assert_false(setup.allow_lossy);
}

static void every_word_reaches_the_device(void **state)
{
    static const char *const words[][2] = {
        { "name", "disk-1" },      { "listen", "/v" },       { "backend", "/a" },
        { "backend", "/b" },       { "device", "blk" },      { "fence", "command=touch x" },
        { "state", "/var/state" }, { "socket-mode", "660" }, { "reply-timeout", "5" },
        { "stop-wait", "6s" },     { "hang-after", "7ms" },  { "wait", "8m" },
        { "allow-lossy", NULL },
    };
    struct hf_relay_device_config config;
    char state_path[HF_RELAY_STATE_PATH_SIZE];
    struct hf_relay_setup setup;

    (void)state;
    hf_relay_setup_init(&setup);
    for (unsigned i = 0; i < HF_ARRAY_COUNT(words); i++)
        assert_int_equal(take(&setup, words[i][0], words[i][1]), 0);
    assert_int_equal(hf_relay_setup_finish(&setup, NULL), 0);
    assert_int_equal(hf_relay_setup_config(&setup, state_path, &config, NULL), 0);
    assert_string_equal(config.name, "disk-1");
    assert_string_equal(config.listen_path, "/v");
    assert_int_equal(config.listen_fd, -1);
    assert_int_equal(config.vmm_fd, -1);
    assert_string_equal(config.backends[0], "/a");
    assert_string_equal(config.backends[1], "/b");
    assert_null(config.backends[2]);
    assert_string_equal(config.type->name, "blk");
    assert_int_equal(config.fence, HF_FENCE_COMMAND);
    assert_string_equal(config.fence_command, "touch x");
    assert_string_equal(config.state_path, "/var/state/disk-1.state");
    assert_int_equal(config.socket_mode, 0660);
    assert_int_equal(config.reply_timeout_ns, UINT64_C(5000000000));
    assert_int_equal(config.stop_wait_ns, UINT64_C(6000000000));
    assert_int_equal(config.hang_after_ns, 7000000);
    assert_int_equal(config.wait_ns, UINT64_C(480000000000));
    assert_true(config.allow_lossy);
}

static void what_has_no_limit_has_a_word_for_it(void **state)
{
    struct hf_relay_setup setup;

    (void)state;
    hf_relay_setup_init(&setup);
    setup.wait_ns = setup.hang_after_ns = 1;
    assert_int_equal(take(&setup, "wait", "forever"), 0);
    assert_int_equal(take(&setup, "stop-wait", "forever"), 0);
    assert_int_equal(take(&setup, "reply-timeout", "0"), 0);
    assert_int_equal(take(&setup, "hang-after", "never"), 0);
    assert_true(setup.wait_ns + setup.stop_wait_ns + setup.reply_timeout_ns + setup.hang_after_ns ==
                0);
}

static void a_later_fence_takes_the_place_of_a_command(void **state)
{
    struct hf_relay_device_config config;
    char state_path[HF_RELAY_STATE_PATH_SIZE];
    struct hf_relay_setup setup;

    (void)state;
    hf_relay_setup_init(&setup);
    assert_int_equal(take(&setup, "fence", "command=x"), 0);
    assert_int_equal(take(&setup, "fence", "kill"), 0);
    assert_int_equal(hf_relay_setup_config(&setup, state_path, &config, NULL), 0);
    assert_int_equal(config.fence, HF_FENCE_KILL);
    assert_null(config.fence_command);
    assert_null(config.state_path);
}

static void a_bad_word_is_refused(void **state)
{
    static char long_name[65], long_path[109], long_line[1100];
    const char *const bad[][2] = {
        { "name", "" },
        { "name", "a/b" },
        { "name", ".a" },
        { "name", "a b" },
        { "name", long_name },
        { "listen", "" },
        { "listen", long_path },
        { "backend", "" },
        { "backend", "/twice" },
        { "device", "disk" },
        { "device", "" },
        { "fence", "" },
        { "fence", "command" },
        { "fence", "command=" },
        { "fence", long_line },
        { "state", "" },
        { "state", long_line },
        { "socket-mode", "" },
        { "socket-mode", "0888" },
        { "socket-mode", "1777" },
        { "socket-mode", "06600" },
        { "wait", "0" },
        { "wait", "never" },
        { "hang-after", "forever" },
        { "stop-wait", "1h" },
        { "reply-timeout", "" },
        { "fd", "-1" },
        { "fd", "3x" },
        { "fd", "" },
        { "fd", "99999999999" },
    };
    struct hf_relay_setup setup, before;

    (void)state;
    memset(long_name, 'a', sizeof(long_name) - 1);
    memset(long_path, 'a', sizeof(long_path) - 1);
    memset(long_line, 'a', sizeof(long_line) - 1);
    memcpy(long_line, "command=", 8);
    hf_relay_setup_init(&setup);
    assert_int_equal(take(&setup, "backend", "/twice"), 0);
    before = setup;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(bad); i++) {
        assert_true(take(&setup, bad[i][0], bad[i][1]) < 0);
        assert_true(hf_relay_setup_same(&setup, &before));
    }
}

static void a_ninth_backend_is_refused(void **state)
{
    struct hf_relay_setup setup;
    char path[8];

    (void)state;
    hf_relay_setup_init(&setup);
    for (unsigned i = 0; i < HF_RELAY_BACKENDS_MAX; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        assert_int_equal(take(&setup, "backend", path), 0);
    }
    assert_true(take(&setup, "backend", "/more") < 0);
    assert_int_equal(setup.backend_count, HF_RELAY_BACKENDS_MAX);
}

static void a_name_comes_from_the_socket(void **state)
{
    static const char *const names[][2] = {
        { "/run/vm/disk-1.sock", "disk-1" },
        { "disk.socket", "disk" },
        { "a b:c", "a-b-c" },
        { "/x/.sock", "-sock" },
        { "/x/", "relay" },
    };

    (void)state;
    for (unsigned i = 0; i < HF_ARRAY_COUNT(names); i++) {
        struct hf_relay_setup setup;
        hf_relay_setup_init(&setup);
        assert_int_equal(take(&setup, "listen", names[i][0]), 0);
        assert_int_equal(take(&setup, "backend", "/b"), 0);
        assert_int_equal(hf_relay_setup_finish(&setup, NULL), 0);
        assert_string_equal(setup.name, names[i][1]);
    }
}

static void the_whole_is_judged(void **state)
{
    struct hf_error error = { 0 };
    struct hf_relay_setup setup;

    (void)state;
    hf_relay_setup_init(&setup);
    assert_int_equal(take(&setup, "listen", "/v"), 0);
    assert_true(hf_relay_setup_finish(&setup, &error) < 0);
    assert_non_null(strstr(error.text, "--backend=PATH"));
    assert_int_equal(take(&setup, "backend", "/v"), 0);
    assert_true(hf_relay_setup_finish(&setup, &error) < 0);
    assert_non_null(strstr(error.text, "the same socket"));
    hf_relay_setup_init(&setup);
    assert_int_equal(take(&setup, "listen", "/v"), 0);
    assert_int_equal(take(&setup, "backend", "/b"), 0);
    assert_int_equal(take(&setup, "fd", "3"), 0);
    assert_true(hf_relay_setup_finish(&setup, &error) < 0);
    assert_non_null(strstr(error.text, "exclude"));
}

static void a_descriptor_listens_or_is_the_vmm(void **state)
{
    struct hf_relay_device_config config;
    char state_path[HF_RELAY_STATE_PATH_SIZE];
    struct hf_relay_setup setup;
    struct hf_error error = { 0 };
    int pair[2];
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct sockaddr any = { .sa_family = AF_UNIX }; /* an abstract name */
    assert_int_equal(bind(listener, &any, sizeof(any.sa_family)), 0);
    assert_int_equal(listen(listener, 1), 0);
    hf_relay_setup_init(&setup);
    strcpy(setup.listen_path, "/v");
    setup.given_fd = listener;
    assert_int_equal(hf_relay_setup_config(&setup, state_path, &config, NULL), 0);
    assert_int_equal(config.listen_fd, listener);
    assert_int_equal(config.vmm_fd, -1);
    assert_null(config.listen_path);
    setup.given_fd = -1;
    setup.fd = pair[0];
    assert_int_equal(hf_relay_setup_config(&setup, state_path, &config, NULL), 0);
    assert_int_equal(config.vmm_fd, pair[0]);
    assert_int_equal(config.listen_fd, -1);
    hf_fd_close(&pair[0]);
    hf_fd_close(&pair[1]);
    assert_true(hf_relay_setup_config(&setup, state_path, &config, &error) < 0);
    assert_non_null(strstr(error.text, "no socket"));
    hf_fd_close(&listener);
}

/* Each word alone makes another device. */
static void what_differs_in_one_word_is_not_the_same(void **state)
{
    static const char *const words[][2] = {
        { "name", "n" },        { "listen", "/l" },       { "backend", "/c" },
        { "device", "blk" },    { "fence", "kill" },      { "state", "/s" },
        { "socket-mode", "0" }, { "wait", "9" },          { "stop-wait", "9" },
        { "hang-after", "9" },  { "reply-timeout", "9" }, { "allow-lossy", NULL },
    };
    struct hf_relay_setup setup, other;

    (void)state;
    hf_relay_setup_init(&setup);
    assert_int_equal(take(&setup, "backend", "/a"), 0);
    other = setup;
    other.fd = other.given_fd = 5;
    assert_true(hf_relay_setup_same(&setup, &other));
    for (unsigned i = 0; i < HF_ARRAY_COUNT(words); i++) {
        other = setup;
        assert_int_equal(take(&other, words[i][0], words[i][1]), 0);
        assert_false(hf_relay_setup_same(&setup, &other));
    }
    setup.fence = other.fence = HF_FENCE_COMMAND;
    other = setup;
    strcpy(other.fence_command, "x");
    assert_false(hf_relay_setup_same(&setup, &other));
    other = setup;
    strcpy(other.backends[0], "/z");
    assert_false(hf_relay_setup_same(&setup, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_words_there_are_the_devices_defaults),
        cmocka_unit_test(every_word_reaches_the_device),
        cmocka_unit_test(what_has_no_limit_has_a_word_for_it),
        cmocka_unit_test(a_later_fence_takes_the_place_of_a_command),
        cmocka_unit_test(a_bad_word_is_refused),
        cmocka_unit_test(a_ninth_backend_is_refused),
        cmocka_unit_test(a_name_comes_from_the_socket),
        cmocka_unit_test(the_whole_is_judged),
        cmocka_unit_test(a_descriptor_listens_or_is_the_vmm),
        cmocka_unit_test(what_differs_in_one_word_is_not_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
