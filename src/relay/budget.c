/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors, counted before they are needed. */
#include "relay/budget.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

int hf_relay_budget_init(struct hf_relay_budget *budget, struct hf_error *error)
{
    struct rlimit limit;

    *budget = (struct hf_relay_budget){ .limit = 0 };
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return hf_error_set(error, errno, "cannot find out the limit of descriptors: %s",
                            strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return hf_error_set(error, errno, "cannot raise the limit of descriptors: %s",
                            strerror(errno));
    budget->limit = limit.rlim_cur > INT_MAX ? INT_MAX : (unsigned)limit.rlim_cur;
    return 0;
}

static unsigned left_of(const struct hf_relay_budget *budget)
{
    unsigned used = budget->promised + HF_RELAY_BUDGET_RESERVE;

    return used < budget->limit ? budget->limit - used : 0;
}

int hf_relay_budget_take(struct hf_relay_budget *budget, unsigned count, struct hf_error *error)
{
    unsigned left = left_of(budget);

    if (count > left)
        return hf_error_set(error, EMFILE,
                            "it may need %u file descriptors, and of %u (RLIMIT_NOFILE) %u are "
                            "left: raise the hard limit (LimitNOFILE= of a unit, ulimit -Hn)",
                            count, budget->limit, left);
    budget->promised += count;
    return 0;
}

void hf_relay_budget_give(struct hf_relay_budget *budget, unsigned count)
{
    budget->promised -= count;
}

unsigned hf_relay_budget_room(const struct hf_relay_budget *budget, unsigned count)
{
    return count > 0 ? left_of(budget) / count : 0;
}
