/* SPDX-License-Identifier: BSD-3-Clause */
/* Start, loop, reload, end. One thread; nothing waits but the loop. */
#include "service.h"

#include "os/clock.h"
#include "os/fd.h"
#include "os/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STATUS_DELAY_NS (100 * HF_NS_PER_MS)

/* ---- what the devices say ---- */

static void on_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    const struct service *service = host;

    if (service->names_devices)
        hf_log(level, "%s: %s", device, text);
    else
        hf_log(level, "%s", text);
}

/* --trace asked for it, whatever the level. */
static void on_trace(void *host, const char *device, const char *line)
{
    const struct service *service = host;

    if (service->names_devices)
        dprintf(STDERR_FILENO, "%s: %s\n", device, line);
    else
        dprintf(STDERR_FILENO, "%s\n", line);
}

static void on_changed(void *host)
{
    struct service *service = host;

    if (service->ready && !service->status_soon.armed)
        hf_loop_set_timer(&service->loop, &service->status_soon, hf_clock_ns() + STATUS_DELAY_NS);
}

static void on_status_soon(struct hf_timer *timer)
{
    service_tell_status(HF_CONTAINER(timer, struct service, status_soon));
}

static void on_deserted(void *host, bool failed)
{
    struct service *service = host;

    hf_log(failed ? HF_LOG_ERROR : HF_LOG_NOTICE, "no device is left: ends");
    service->status = failed ? EXIT_FAILURE : EXIT_SUCCESS;
    sd_event_exit(service->event, service->status);
}

static const struct hf_relay_fleet_ops fleet_ops = {
    .log = on_log,
    .changed = on_changed,
    .deserted = on_deserted,
};

/* ---- what the system says ---- */

static int on_loop(sd_event_source *source, int fd, uint32_t events, void *context)
{
    struct service *service = context;

    (void)source;
    (void)fd;
    (void)events;
    hf_loop_dispatch(&service->loop, 0);
    return 0;
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
    struct service *service = context;

    (void)source;
    (void)info;
    sd_notify(false, "STOPPING=1");
    return sd_event_exit(service->event, EXIT_SUCCESS);
}

static void tell_reload(const struct hf_relay_reload *result, const char *path)
{
    hf_log(result->failed > 0 ? HF_LOG_WARNING : HF_LOG_NOTICE,
           "%s read again: %u added, %u removed, %u changed, %u left alone, %u failed", path,
           result->added, result->removed, result->changed, result->left_alone, result->failed);
}

static void reload(struct service *service)
{
    struct hf_relay_config config;
    struct hf_error error = { 0 };

    if (hf_relay_config_read(&config, service->options->config_path, &error) < 0) {
        hf_log(HF_LOG_ERROR, "%s: nothing is changed", error.text);
        return;
    }
    if (!service->options->control_path &&
        strcmp(config.control_path, service->config.control_path) != 0)
        hf_log(HF_LOG_NOTICE, "the control socket stays where it is: restart the relay to move it");
    strcpy(config.control_path, service->config.control_path);
    const struct hf_relay_reload result =
        hf_relay_fleet_reload(service->fleet, config.setups, config.count);
    hf_relay_config_done(&service->config);
    service->config = config;
    tell_reload(&result, service->options->config_path);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
    struct service *service = context;

    (void)source;
    (void)info;
    service_tell_reloading();
    if (service->options->config_path)
        reload(service);
    else
        hf_log(HF_LOG_NOTICE, "SIGHUP: there is no --config=FILE to read again");
    service_tell_ready(service);
    return 0;
}

/* ---- start ---- */

static int block_signals(void)
{
    sigset_t signals;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    return sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ? -errno : 0;
}

static int wire(struct service *service, struct hf_error *error)
{
    int failed = block_signals();

    if (failed >= 0)
        failed = hf_loop_init(&service->loop);
    if (failed >= 0)
        failed = sd_event_new(&service->event);
    if (failed >= 0)
        failed = sd_event_add_signal(service->event, NULL, SIGTERM, on_end, service);
    if (failed >= 0)
        failed = sd_event_add_signal(service->event, NULL, SIGINT, on_end, service);
    if (failed >= 0)
        failed = sd_event_add_signal(service->event, NULL, SIGHUP, on_hangup, service);
    if (failed >= 0)
        failed = sd_event_add_io(service->event, NULL, hf_loop_fd(&service->loop), EPOLLIN, on_loop,
                                 service);
    if (failed >= 0)
        failed = sd_event_set_watchdog(service->event, true);
    return failed >= 0
               ? 0
               : hf_error_set(error, -failed, "cannot make the event loop: %s", strerror(-failed));
}

/* Before anything is opened: later, the number of a closed one may be something of ours. */
static int check_fds(const struct hf_relay_options *options, struct hf_error *error)
{
    int flags = options->ready_fd < 0 ? O_WRONLY : fcntl(options->ready_fd, F_GETFL);

    if (options->device.fd >= 0 && fcntl(options->device.fd, F_GETFD) < 0)
        return hf_error_set(error, errno, "--fd=%d: it is not open", options->device.fd);
    if (flags < 0)
        return hf_error_set(error, errno, "--ready-fd=%d: it is not open", options->ready_fd);
    if ((flags & O_ACCMODE) == O_RDONLY)
        return hf_error_set(error, EBADF, "--ready-fd=%d: it is open for reading only",
                            options->ready_fd);
    return 0;
}

static int read_config(struct service *service, struct hf_error *error)
{
    const struct hf_relay_options *options = service->options;
    struct hf_relay_config *config = &service->config;

    if (options->config_path)
        return hf_relay_config_read(config, options->config_path, error);
    config->setups = calloc(1, sizeof(*config->setups));
    if (!config->setups)
        return hf_error_set(error, ENOMEM, "no memory");
    config->count = 1;
    config->setups[0] = options->device;
    return hf_relay_setup_finish(&config->setups[0], error);
}

static int add_devices(struct service *service, struct hf_error *error)
{
    struct hf_relay_config *config = &service->config;

    for (unsigned i = 0; i < config->count; i++) {
        struct hf_relay_setup setup = config->setups[i];
        config->setups[i].fd = config->setups[i].given_fd = -1;
        int failed = hf_relay_fleet_add(service->fleet, &setup, HF_RELAY_ORIGIN_FILE, error);
        if (failed < 0 && service->names_devices)
            hf_error_prefix(error, "device %s", setup.name);
        if (failed < 0)
            return failed;
    }
    return 0;
}

static int make_fleet(struct service *service, struct hf_relay_fleet_ops *ops,
                      struct hf_error *error)
{
    *ops = fleet_ops;
    ops->host = service;
    ops->trace = service->options->trace ? on_trace : NULL;
    service->fleet = hf_relay_fleet_new(&service->loop, ops, &service->budget);
    if (!service->fleet)
        return hf_error_set(error, ENOMEM, "no memory");
    service->desk = (struct hf_relay_desk){ .fleet = service->fleet,
                                            .budget = &service->budget,
                                            .version = HF_VERSION };
    return add_devices(service, error);
}

static int open_control(struct service *service, struct hf_error *error)
{
    const char *path = service->options->control_path ? service->options->control_path
                                                      : service->config.control_path;

    if (path[0] == '\0')
        return 0;
    service->control =
        hf_control_server_new(&service->loop, path, hf_relay_methods, &service->desk, error);
    if (service->control)
        return 0;
    hf_error_prefix(error, "the control socket");
    return -error->code;
}

static void tell_budget(const struct service *service)
{
    unsigned count = hf_relay_fleet_count(service->fleet);
    unsigned each = count > 0 ? service->budget.promised / count : 0;

    hf_log(HF_LOG_INFO,
           "%u device%s, %u of %u file descriptors promised to them: there is room for %u more",
           count, count == 1 ? "" : "s", service->budget.promised, service->budget.limit,
           hf_relay_budget_room(&service->budget, each));
}

/* Who asked for it waits for it. */
static int stamp_ready(int given_fd, struct hf_error *error)
{
    HF_AUTO_FD int fd = given_fd;
    uint64_t now_ns = hf_clock_ns();

    if (fd < 0)
        return 0;
    ssize_t written = write(fd, &now_ns, sizeof(now_ns));
    if (written == (ssize_t)sizeof(now_ns))
        return 0;
    int code = written < 0 ? errno : EIO;
    return hf_error_set(error, code, "--ready-fd=%d: cannot write to it: %s", fd, strerror(code));
}

int service_init(struct service *service, const struct hf_relay_options *options,
                 struct hf_error *error)
{
    static struct hf_relay_fleet_ops ops;

    *service = (struct service){ .options = options, .status_soon.expired = on_status_soon };
    int failed = check_fds(options, error);
    if (failed == 0)
        failed = read_config(service, error);
    if (failed == 0)
        failed = service_place_sockets(&service->config, error);
    if (failed == 0)
        failed = hf_relay_budget_init(&service->budget, error);
    if (failed == 0)
        failed = wire(service, error);
    service->names_devices = options->config_path != NULL;
    if (failed == 0)
        failed = make_fleet(service, &ops, error);
    if (failed == 0)
        failed = open_control(service, error);
    if (failed == 0)
        failed = stamp_ready(options->ready_fd, error);
    if (failed == 0)
        tell_budget(service);
    return failed;
}

int service_run(struct service *service)
{
    service->ready = true;
    service_tell_ready(service);
    int status = sd_event_loop(service->event);
    if (status < 0)
        hf_log(HF_LOG_ERROR, "the event loop broke: %s", strerror(-status));
    return status < 0 ? EXIT_FAILURE : status;
}

void service_done(struct service *service)
{
    hf_control_server_free(service->control);
    hf_relay_fleet_free(service->fleet);
    hf_relay_config_done(&service->config);
    sd_event_unref(service->event);
    hf_loop_done(&service->loop);
}
