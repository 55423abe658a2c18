/* SPDX-License-Identifier: BSD-3-Clause */
/* A device that is given a connected socket: whose it is, and what comes after it (R41, R47). */
#include "../cmocka_all.h"

#include "../frontend/rig.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SOON_NS (10 * HF_NS_PER_S)

static int new_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

/* Blocking, as many a host has it. */
static int connect_to(const struct rig *rig)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = new_socket(SOCK_STREAM);

    memcpy(address.sun_path, rig->path, strlen(rig->path) + 1);
    while (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        usleep(1000);
    return fd;
}

static void configure(const struct rig *rig, int fd, bool with_path,
                      struct hf_device_config *config)
{
    struct hf_front_settings settings = rig_settings();

    rig_configure(rig, &settings, config);
    config->realize_retries = 3;
    config->socket_fd = fd;
    if (!with_path)
        config->socket_path = NULL;
}

/* The device is given a connection, *fd, to a back-end of this script. */
static pid_t make_connected(struct rig *rig, const struct backend_script *script, bool with_path,
                            int *fd)
{
    pid_t pid = backend_start(rig->path, script);
    struct hf_device_config config;

    *fd = connect_to(rig);
    configure(rig, *fd, with_path, &config);
    rig_make(rig, &config);
    return pid;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void closed_with_the_device(struct rig *rig, int fd)
{
    hf_device_free(rig->device);
    rig->device = NULL;
    assert_false(is_open(fd));
}

static void the_socket_is_used_and_closed_with_the_device(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    int fd;
    pid_t pid = make_connected(rig, &script, false, &fd);

    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(rig->device->frontend.session_count, 1);
    assert_true(is_open(fd));
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    closed_with_the_device(rig, fd);
    backend_end(pid, true);
}

static void a_device_that_is_never_realized_closes_the_socket_too(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    int fd;
    pid_t pid = make_connected(rig, &script, true, &fd);

    closed_with_the_device(rig, fd);
    backend_end(pid, true);
}

/* As it was: with its blocking flag, too. */
static void expect_refusal(const struct hf_device_config *config, int code, const char *named)
{
    const struct hf_device_ops ops = { .size_bytes = sizeof(ops) };
    int flags = fcntl(config->socket_fd, F_GETFL);
    struct hf_error error = { 0 };
    struct hf_device *device;

    assert_int_equal(hf_device_new(&device, config, &ops, &error), -code);
    assert_null(device);
    assert_int_equal(error.code, code);
    if (strstr(error.text, named) == NULL)
        fail_msg("'%s' is not in: %s", named, error.text);
    assert_int_equal(fcntl(config->socket_fd, F_GETFL), flags);
}

static void on_failure_the_socket_stays_the_hosts(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    pid_t pid = backend_start(rig->path, &script);
    int fd = connect_to(rig);
    struct hf_device_config config;

    configure(rig, fd, true, &config);
    config.t10_pi = true;
    expect_refusal(&config, EOPNOTSUPP, "t10_pi");
    config.t10_pi = false;
    config.socket_path = "";
    expect_refusal(&config, EINVAL, "path is empty");
    assert_true(is_open(fd));
    close(fd);
    backend_end(pid, true);
}

static void what_is_no_connected_stream_socket_is_refused(void **state)
{
    struct rig *rig = *state;
    struct hf_device_config config;
    struct {
        int fd;
        int code;
        const char *named;
    } bad[] = {
        { hf_event_create(), ENOTSOCK, "Socket operation on non-socket" },
        { new_socket(SOCK_DGRAM), EPROTOTYPE, "no Unix stream socket" },
        { new_socket(SOCK_STREAM), ENOTCONN, "not connected" },
        { socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), EPROTOTYPE, "no Unix stream socket" },
        { 1000, EBADF, "descriptor 1000" },
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        configure(rig, bad[i].fd, false, &config);
        expect_refusal(&config, bad[i].code, bad[i].named);
        if (bad[i].fd != 1000)
            assert_int_equal(close(bad[i].fd), 0);
    }
}

/* Nobody can be dialled: it is told at once, and there is nothing to try again. */
static void used_up_and_without_a_path_the_device_fails(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    int fd;
    pid_t pid = make_connected(rig, &script, false, &fd);
    struct hf_error error = { 0 };

    assert_int_equal(hf_device_realize(rig->device, SOON_NS, NULL), 0);
    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_FAILED, 1);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].fault, HF_FAULT_NO_ADDRESS);
    assert_int_equal(rig->last[HF_DEVICE_EVENT_FAILED].error, EDESTADDRREQ);
    assert_non_null(strstr(rig->text[HF_DEVICE_EVENT_FAILED],
                           "the socket that was given is used up, and there is no path to dial"));
    assert_int_equal(hf_device_unrealize(rig->device, SOON_NS, NULL), 0);
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, &error), -EDESTADDRREQ);
    assert_non_null(strstr(error.text, "used up"));
}

static void used_up_in_the_handshake_it_fails_and_the_loss_is_told_before(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { .closes_at = 2 };
    int fd;
    pid_t pid = make_connected(rig, &script, false, &fd);
    struct hf_error error = { 0 };

    unsigned lost = rig->events[HF_DEVICE_EVENT_LOST];
    assert_int_equal(hf_device_realize(rig->device, SOON_NS, &error), -EDESTADDRREQ);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_LOST], lost + 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], 1);
    backend_end(pid, true);
}

static void with_a_path_that_is_dialled_next(void **state)
{
    struct rig *rig = *state;
    struct backend_script script = { 0 };
    int fd;
    pid_t pid = make_connected(rig, &script, true, &fd);

    rig_start(rig);
    backend_end(pid, true);
    pid = backend_start(rig->path, &script);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(rig->events[HF_DEVICE_EVENT_FAILED], 0);
    backend_end(pid, true);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, rig_begin, rig_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RIG(the_socket_is_used_and_closed_with_the_device),
        WITH_RIG(a_device_that_is_never_realized_closes_the_socket_too),
        WITH_RIG(on_failure_the_socket_stays_the_hosts),
        WITH_RIG(what_is_no_connected_stream_socket_is_refused),
        WITH_RIG(used_up_and_without_a_path_the_device_fails),
        WITH_RIG(used_up_in_the_handshake_it_fails_and_the_loss_is_told_before),
        WITH_RIG(with_a_path_that_is_dialled_next),
    };

    return cmocka_run_group_tests_name("device/given socket", tests, NULL, NULL);
}
