/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger of descriptors. */
#include "fds.h"

static const char *const owners[SIM_OWNER_COUNT] = { "the plan", "the edge", "a back-end" };

int sim_fd_open(struct sim_fds *fds, unsigned object, enum sim_owner owner)
{
    if (fds->count == SIM_FDS_MAX) {
        sim_fail(fds->verdict, "fds: more than %d were opened", SIM_FDS_MAX);
        return -1;
    }
    fds->list[fds->count].open = true;
    fds->list[fds->count].owner = (uint8_t)owner;
    fds->list[fds->count].object = (uint16_t)object;
    return SIM_FDS_FIRST + fds->count++;
}

static bool is_open(const struct sim_fds *fds, int fd)
{
    int at = fd - SIM_FDS_FIRST;

    return at >= 0 && at < fds->count && fds->list[at].open;
}

int sim_fd_dup(struct sim_fds *fds, int fd, enum sim_owner owner)
{
    unsigned object = sim_fd_object(fds, fd);

    return object == 0 ? -1 : sim_fd_open(fds, object, owner);
}

void sim_fd_give(struct sim_fds *fds, int fd, enum sim_owner owner)
{
    if (is_open(fds, fd))
        fds->list[fd - SIM_FDS_FIRST].owner = (uint8_t)owner;
    else
        sim_fail(fds->verdict, "fds: %d is handed over but not open", fd);
}

void sim_fd_close(struct sim_fds *fds, int fd)
{
    if (fd == -1)
        return;
    if (is_open(fds, fd))
        fds->list[fd - SIM_FDS_FIRST].open = false;
    else
        sim_fail(fds->verdict, "fds: %d is closed but not open", fd);
}

unsigned sim_fd_object(struct sim_fds *fds, int fd)
{
    if (fd == -1)
        return 0;
    if (is_open(fds, fd))
        return fds->list[fd - SIM_FDS_FIRST].object;
    sim_fail(fds->verdict, "fds: %d is used but not open", fd);
    return 0;
}

unsigned sim_fds_open_count(const struct sim_fds *fds)
{
    unsigned open = 0;

    for (int i = 0; i < fds->count; i++)
        open += fds->list[i].open;
    return open;
}

void sim_fds_balance(struct sim_fds *fds)
{
    for (int i = 0; i < fds->count; i++)
        if (fds->list[i].open)
            sim_fail(fds->verdict, "fds: %d (object %u) is still open at the end, owned by %s",
                     SIM_FDS_FIRST + i, fds->list[i].object, owners[fds->list[i].owner]);
}
