/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of one process. */
#include "relay/fleet.h"

#include "base/list.h"
#include "base/text.h"
#include "os/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct member {
    struct hf_link link;
    struct hf_relay_setup setup; /* its descriptors are gone: -1 */
    struct hf_relay_device *device;
    struct hf_watch watch;
    enum hf_relay_origin origin;
    unsigned fds;
    bool given;   /* its socket is the service manager's, or the caller's */
    bool one_vmm; /* which is connected already: it ends with it */
    bool ended;
};

struct hf_relay_fleet {
    struct hf_loop *loop;
    const struct hf_relay_fleet_ops *ops;
    struct hf_relay_budget *budget;
    struct hf_relay_device_ops device_ops;
    struct hf_link members;
    struct hf_timer sweep; /* armed when one has ended: nobody is freed in his own callback */
};

static struct member *member_of(struct hf_link *link)
{
    return HF_CONTAINER(link, struct member, link);
}

static struct member *member_named(const struct hf_relay_fleet *fleet, const char *name)
{
    HF_LIST_FOR_EACH (link, &fleet->members)
        if (strcmp(member_of(link)->setup.name, name) == 0)
            return member_of(link);
    return NULL;
}

static bool has_vmm(const struct member *member)
{
    struct hf_relay_status status;

    hf_relay_device_status(member->device, &status);
    return status.phase != HF_RELAY_PHASE_WAITING && status.phase != HF_RELAY_PHASE_LISTENING;
}

static void say(const struct hf_relay_fleet *fleet, const struct member *member,
                enum hf_log_level level, const char *text)
{
    fleet->ops->log(fleet->ops->host, member->setup.name, level, text);
}

/* ---- what a device says ---- */

static void on_log(void *host, const char *device, enum hf_log_level level, const char *text)
{
    const struct hf_relay_fleet *fleet = host;

    fleet->ops->log(fleet->ops->host, device, level, text);
}

static void on_trace(void *host, const char *device, const char *line)
{
    const struct hf_relay_fleet *fleet = host;

    fleet->ops->trace(fleet->ops->host, device, line);
}

static void on_changed(void *host, const char *device)
{
    const struct hf_relay_fleet *fleet = host;

    (void)device;
    fleet->ops->changed(fleet->ops->host);
}

static void on_ended(void *host, const char *device, const char *why)
{
    struct hf_relay_fleet *fleet = host;
    struct member *member = member_named(fleet, device);

    if (!member || member->ended)
        return;
    member->ended = true;
    fleet->ops->log(fleet->ops->host, device, HF_LOG_NOTICE, why);
    hf_loop_set_timer(fleet->loop, &fleet->sweep, 0);
}

static void on_ready(struct hf_watch *watch, uint32_t events)
{
    (void)events;
    hf_relay_device_dispatch(HF_CONTAINER(watch, struct member, watch)->device);
}

/* ---- coming and going ---- */

/* What the device still says while it goes is about nobody in the list. */
static void drop(struct hf_relay_fleet *fleet, struct member *member)
{
    hf_list_remove(&member->link);
    hf_loop_remove(&member->watch);
    hf_relay_device_free(member->device);
    hf_relay_budget_give(fleet->budget, member->fds);
    free(member);
}

static struct member *next_ended(struct hf_relay_fleet *fleet)
{
    HF_LIST_FOR_EACH (link, &fleet->members)
        if (member_of(link)->ended)
            return member_of(link);
    return NULL;
}

static void on_sweep(struct hf_timer *timer)
{
    struct hf_relay_fleet *fleet = HF_CONTAINER(timer, struct hf_relay_fleet, sweep);
    struct member *member;
    bool failed = false;

    while ((member = next_ended(fleet)) != NULL) {
        failed |= !member->one_vmm;
        drop(fleet, member);
    }
    fleet->ops->changed(fleet->ops->host);
    if (hf_list_empty(&fleet->members))
        fleet->ops->deserted(fleet->ops->host, failed);
}

struct hf_relay_fleet *hf_relay_fleet_new(struct hf_loop *loop,
                                          const struct hf_relay_fleet_ops *ops,
                                          struct hf_relay_budget *budget)
{
    struct hf_relay_fleet *fleet = calloc(1, sizeof(*fleet));

    if (!fleet)
        return NULL;
    *fleet = (struct hf_relay_fleet){
        .loop = loop,
        .ops = ops,
        .budget = budget,
        .device_ops = { .host = fleet,
                        .log = on_log,
                        .trace = ops->trace ? on_trace : NULL,
                        .changed = on_changed,
                        .ended = on_ended },
        .sweep = { .expired = on_sweep },
    };
    hf_list_init(&fleet->members);
    return fleet;
}

void hf_relay_fleet_free(struct hf_relay_fleet *fleet)
{
    if (!fleet)
        return;
    hf_loop_cancel_timer(fleet->loop, &fleet->sweep);
    while (!hf_list_empty(&fleet->members))
        drop(fleet, member_of(fleet->members.next));
    free(fleet);
}

/* Two devices of one name cannot be told apart; of one socket or one state file, neither. */
static int check_place(const struct hf_relay_fleet *fleet, const struct hf_relay_setup *setup,
                       struct hf_error *error)
{
    if (setup->fd < 0 && setup->given_fd < 0 && setup->listen_path[0] == '\0')
        return hf_error_set(
            error, EINVAL,
            "no socket for the VMM: --listen=PATH, or \"listen\" in a file, is missing");
    HF_LIST_FOR_EACH (link, &fleet->members) {
        const struct hf_relay_setup *other = &member_of(link)->setup;
        if (strcmp(other->name, setup->name) == 0)
            return hf_error_set(error, EEXIST, "there is a device of this name already");
        if (setup->listen_path[0] != '\0' && strcmp(other->listen_path, setup->listen_path) == 0)
            return hf_error_set(error, EEXIST, "device %s listens on %s already", other->name,
                                setup->listen_path);
    }
    return 0;
}

/* Now, and not when there is something to be remembered. */
static int check_state(const struct hf_relay_setup *setup, struct hf_error *error)
{
    const char *folder = setup->state_folder;
    struct stat facts;

    if (folder[0] == '\0')
        return 0;
    if (stat(folder, &facts) < 0)
        return hf_error_set(error, errno, "no folder to remember state in: %s: %s", folder,
                            strerror(errno));
    if (!S_ISDIR(facts.st_mode))
        return hf_error_set(error, ENOTDIR, "no folder to remember state in: %s is something else",
                            folder);
    return 0;
}

static int start(struct hf_relay_fleet *fleet, struct member *member,
                 const struct hf_relay_device_config *config, struct hf_error *error)
{
    struct hf_relay_device_config whole = *config;
    int result = 0;

    whole.path_loop = fleet->loop;
    member->device = hf_relay_device_new(&whole, &fleet->device_ops, &result, error);
    if (!member->device)
        return result < 0 ? result : -EINVAL;
    result = hf_loop_add(fleet->loop, &member->watch, hf_relay_device_fd(member->device), EPOLLIN);
    if (result < 0)
        hf_error_set(error, -result, "cannot watch it: %s", strerror(-result));
    return result;
}

static struct member *new_member(const struct hf_relay_setup *setup, enum hf_relay_origin origin)
{
    struct member *member = calloc(1, sizeof(*member));

    if (!member)
        return NULL;
    member->setup = *setup;
    member->setup.fd = member->setup.given_fd = -1;
    member->origin = origin;
    member->given = setup->fd >= 0 || setup->given_fd >= 0;
    member->watch.ready = on_ready;
    hf_list_init(&member->link);
    return member;
}

/* `config` owns descriptors, until the device has them. */
static int add(struct hf_relay_fleet *fleet, struct member *member,
               struct hf_relay_device_config *config, struct hf_error *error)
{
    unsigned fds = hf_relay_device_fds(config);
    int failed = hf_relay_budget_take(fleet->budget, fds, error);

    if (failed < 0) {
        hf_fd_close(&config->listen_fd);
        hf_fd_close(&config->vmm_fd);
        return failed;
    }
    member->fds = fds;
    member->one_vmm = config->vmm_fd >= 0;
    hf_list_append(&fleet->members, &member->link);
    return start(fleet, member, config, error);
}

static void close_given(const struct hf_relay_setup *setup)
{
    int fds[] = { setup->fd, setup->given_fd };

    hf_fd_close_all(fds, 2);
}

int hf_relay_fleet_add(struct hf_relay_fleet *fleet, const struct hf_relay_setup *setup,
                       enum hf_relay_origin origin, struct hf_error *error)
{
    struct hf_relay_device_config config;
    char state_path[HF_RELAY_STATE_PATH_SIZE];
    struct member *member = NULL;

    int failed = check_place(fleet, setup, error);
    if (failed == 0)
        failed = check_state(setup, error);
    if (failed == 0)
        failed = hf_relay_setup_config(setup, state_path, &config, error);
    if (failed == 0 && (member = new_member(setup, origin)) == NULL)
        failed = hf_error_set(error, ENOMEM, "no memory");
    if (failed < 0) {
        close_given(setup);
        return failed;
    }
    failed = add(fleet, member, &config, error);
    if (failed < 0)
        drop(fleet, member);
    else
        fleet->ops->changed(fleet->ops->host);
    return failed;
}

int hf_relay_fleet_remove(struct hf_relay_fleet *fleet, const char *name, bool force,
                          struct hf_error *error)
{
    if (!hf_relay_fleet_find(fleet, name, error))
        return -ENOENT;
    struct member *member = member_named(fleet, name);
    if (!force && has_vmm(member))
        return hf_error_set(error, EBUSY, "device %s has a VMM, which would lose its disk", name);
    drop(fleet, member);
    fleet->ops->changed(fleet->ops->host);
    return 0;
}

/* ---- looking ---- */

static void name_all(const struct hf_relay_fleet *fleet, struct hf_text *text)
{
    const char *before = "; there are ";

    if (hf_list_empty(&fleet->members))
        hf_text_add(text, "; there is none");
    HF_LIST_FOR_EACH (link, &fleet->members) {
        hf_text_add(text, "%s%s", before, member_of(link)->setup.name);
        before = ", ";
    }
}

struct hf_relay_device *hf_relay_fleet_find(struct hf_relay_fleet *fleet, const char *name,
                                            struct hf_error *error)
{
    struct member *member = member_named(fleet, name);
    char names[256];
    struct hf_text text = hf_text_of(names, sizeof(names));

    if (member && member->device)
        return member->device;
    name_all(fleet, &text);
    hf_error_set(error, ENOENT, "no device %.*s%s", (int)HF_RELAY_NAME_SIZE, name, names);
    return NULL;
}

struct hf_relay_device *hf_relay_fleet_at(const struct hf_relay_fleet *fleet, unsigned index)
{
    HF_LIST_FOR_EACH (link, &fleet->members)
        if (index-- == 0)
            return member_of(link)->device;
    return NULL;
}

unsigned hf_relay_fleet_count(const struct hf_relay_fleet *fleet)
{
    unsigned count = 0;

    HF_LIST_FOR_EACH (link, &fleet->members)
        count++;
    return count;
}

/* ---- a new configuration ---- */

static bool is_named_in(const struct member *member, const struct hf_relay_setup *setups,
                        unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(setups[i].name, member->setup.name) == 0)
            return true;
    return false;
}

static void remove_vanished(struct hf_relay_fleet *fleet, const struct hf_relay_setup *setups,
                            unsigned count, struct hf_relay_reload *result)
{
    struct hf_link *link = fleet->members.next;

    while (link != &fleet->members) {
        struct member *member = member_of(link);
        link = link->next;
        if (member->origin != HF_RELAY_ORIGIN_FILE || is_named_in(member, setups, count))
            continue;
        if (has_vmm(member)) {
            say(fleet, member, HF_LOG_NOTICE,
                "left alone: the configuration has it no more, and its VMM is still there");
            result->left_alone++;
            continue;
        }
        say(fleet, member, HF_LOG_NOTICE, "removed: the configuration has it no more");
        drop(fleet, member);
        result->removed++;
    }
}

/* Why a device whose words are others now stays as it is; NULL: it need not. */
static const char *why_kept(const struct member *member)
{
    if (member->origin != HF_RELAY_ORIGIN_FILE)
        return "left alone: it was added by a call; the configuration has another of this name";
    if (has_vmm(member))
        return "left alone: the configuration has changed, and its VMM is still there";
    if (member->given)
        return "left alone: the configuration has changed, and its socket was passed to us: "
               "restart the relay to change it";
    return NULL;
}

static bool add_or_say(struct hf_relay_fleet *fleet, const struct hf_relay_setup *setup,
                       struct hf_relay_reload *result)
{
    struct hf_error error = { 0 };

    if (hf_relay_fleet_add(fleet, setup, HF_RELAY_ORIGIN_FILE, &error) == 0)
        return true;
    fleet->ops->log(fleet->ops->host, setup->name, HF_LOG_ERROR, error.text);
    result->failed++;
    return false;
}

static void compare(struct hf_relay_fleet *fleet, const struct hf_relay_setup *setup,
                    struct hf_relay_reload *result)
{
    struct member *member = member_named(fleet, setup->name);

    if (!member) {
        result->added += add_or_say(fleet, setup, result);
        return;
    }
    if (member->origin == HF_RELAY_ORIGIN_FILE && hf_relay_setup_same(&member->setup, setup))
        return;
    const char *why = why_kept(member);
    if (why) {
        say(fleet, member, HF_LOG_NOTICE, why);
        result->left_alone++;
        return;
    }
    say(fleet, member, HF_LOG_NOTICE, "made anew: the configuration has changed");
    drop(fleet, member);
    result->changed += add_or_say(fleet, setup, result);
}

struct hf_relay_reload hf_relay_fleet_reload(struct hf_relay_fleet *fleet,
                                             const struct hf_relay_setup *setups, unsigned count)
{
    struct hf_relay_reload result = { 0 };

    remove_vanished(fleet, setups, count, &result);
    for (unsigned i = 0; i < count; i++)
        compare(fleet, &setups[i], &result);
    fleet->ops->changed(fleet->ops->host);
    return result;
}
