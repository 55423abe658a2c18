/* SPDX-License-Identifier: BSD-3-Clause */
/* Socket activation (sd_listen_fds(3)): whose socket is whose. */
#include "service.h"

#include "os/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

static struct hf_relay_setup *device_for(struct hf_relay_config *config, const char *name,
                                         int passed)
{
    for (unsigned i = 0; i < config->count; i++)
        if (strcmp(config->setups[i].name, name) == 0)
            return &config->setups[i];
    return passed == 1 && config->count == 1 ? &config->setups[0] : NULL;
}

static int place(struct hf_relay_config *config, int index, int passed, const char *name,
                 struct hf_error *error)
{
    struct hf_relay_setup *setup = device_for(config, name, passed);

    if (!setup)
        return hf_error_set(error, EINVAL,
                            "a socket named %s was passed, and no device has this name: set "
                            "FileDescriptorName= of its unit to the device's name",
                            name);
    if (setup->given_fd >= 0 || setup->fd >= 0)
        return hf_error_set(error, EINVAL, "device %s has two sockets for its VMM", setup->name);
    int fd = hf_fd_dup(SD_LISTEN_FDS_START + index);
    if (fd < 0)
        return hf_error_set(error, -fd, "the socket named %s that was passed: %s", name,
                            strerror(-fd));
    setup->given_fd = fd;
    return 0;
}

static void free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

int service_place_sockets(struct hf_relay_config *config, struct hf_error *error)
{
    char **names = NULL;
    int passed = sd_listen_fds_with_names(true, &names);
    int failed = 0;

    if (passed < 0)
        return hf_error_set(error, -passed, "cannot take the sockets passed to us: %s",
                            strerror(-passed));
    for (int i = 0; failed == 0 && i < passed; i++)
        failed = place(config, i, passed, names[i], error);
    for (int i = 0; i < passed; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        hf_fd_close(&fd);
    }
    if (passed > 0)
        free_names(names, passed);
    return failed;
}
