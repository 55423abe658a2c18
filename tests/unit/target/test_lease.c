/* SPDX-License-Identifier: BSD-3-Clause */
/* All units' locks as one: taken together, given back together. */
#include "target/lease.h"

#include <errno.h>

#include "base/check.h"
#include "cmocka_all.h"
#include "target/unit.h"

#define MS UINT64_C(1000000)

struct fake {
    struct hf_unit unit;
    int answer;        /* of a lock */
    unsigned refusals; /* if not 0: after so many, the answer is 0 */
    bool locked;
    unsigned asked; /* with an error object: somebody wanted to know */
};

static int lock(struct hf_unit *unit, struct hf_error *error)
{
    struct fake *fake = (struct fake *)unit;
    int answer = fake->answer;

    if (fake->refusals > 0 && --fake->refusals == 0)
        fake->answer = 0;
    if (answer < 0 && error) {
        fake->asked++;
        return hf_error_set(error, -answer, "the owner is told");
    }
    if (answer == 0)
        fake->locked = true;
    return answer;
}

static void unlock(struct hf_unit *unit)
{
    ((struct fake *)unit)->locked = false;
}

static const struct hf_unit_ops ops = { .kind = "fake", .lock = lock, .unlock = unlock };

struct rig {
    struct fake fakes[3];
    struct hf_unit *units[3];
    struct hf_lease lease;
};

/* Somebody wants the lock. */
static int set_up(void **state)
{
    static struct rig rig;

    memset(&rig, 0, sizeof(rig));
    for (unsigned i = 0; i < 3; i++) {
        rig.fakes[i].unit.ops = &ops;
        rig.units[i] = &rig.fakes[i].unit;
    }
    hf_lease_init(&rig.lease, rig.units, 3);
    hf_lease_join(&rig.lease);
    *state = &rig;
    return 0;
}

static unsigned locked(const struct rig *rig)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 3; i++)
        count += rig->fakes[i].locked;
    return count;
}

static void test_the_last_user_gives_the_lock_back(void **state)
{
    struct rig *rig = *state;

    hf_lease_join(&rig->lease);
    assert_int_equal(hf_lease_try(&rig->lease, 1), 0);
    assert_int_equal(hf_lease_try(&rig->lease, 2), 0);
    assert_int_equal(locked(rig), 3);
    hf_lease_leave(&rig->lease);
    assert_int_equal(locked(rig), 3);
    hf_lease_leave(&rig->lease);
    assert_int_equal(locked(rig), 0);
    assert_false(rig->lease.held);
}

static void test_it_is_all_units_or_none(void **state)
{
    struct rig *rig = *state;

    rig->fakes[2].answer = -EAGAIN;
    assert_int_equal(hf_lease_try(&rig->lease, 1 * MS), -EAGAIN);
    assert_int_equal(locked(rig), 0);
    rig->fakes[2].answer = 0;
    assert_int_equal(hf_lease_try(&rig->lease, 2 * MS), 0);
    assert_int_equal(locked(rig), 3);
}

static void test_the_owner_is_looked_for_once_and_not_at_once(void **state)
{
    struct rig *rig = *state;

    rig->fakes[1].answer = -EAGAIN;
    for (uint64_t ms = 1; ms < 150; ms++)
        hf_lease_try(&rig->lease, ms * MS);
    assert_int_equal(rig->fakes[1].asked, 0);
    assert_non_null(strstr(rig->lease.why.text, "locked by another process"));
    for (uint64_t ms = 150; ms < 2000; ms++)
        hf_lease_try(&rig->lease, ms * MS);
    assert_int_equal(rig->fakes[1].asked, 1);
    assert_non_null(strstr(rig->lease.why.text, "the owner is told"));
    hf_lease_leave(&rig->lease);
    assert_int_equal(rig->lease.waiting_ns, 0);
}

static void test_a_lock_that_cannot_be_taken_says_why(void **state)
{
    struct rig *rig = *state;

    rig->fakes[1].answer = -ENOLCK;
    assert_int_equal(hf_lease_try(&rig->lease, 1), -ENOLCK);
    assert_non_null(strstr(rig->lease.why.text, "the owner is told"));
    assert_int_equal(locked(rig), 0);
}

/* It is asked for twice: the second time for the reason, and may have come free in between. */
static void test_a_lock_got_by_asking_why_it_failed_is_given_back(void **state)
{
    struct rig *rig = *state;

    rig->fakes[1].answer = -ENOLCK;
    rig->fakes[1].refusals = 1;
    assert_int_equal(hf_lease_try(&rig->lease, 1 * MS), -EAGAIN);
    assert_false(rig->lease.held);
    assert_int_equal(locked(rig), 0);
    assert_int_equal(hf_lease_try(&rig->lease, 2 * MS), 0);
    assert_int_equal(locked(rig), 3);
}

static void test_a_lock_got_by_asking_who_holds_it_is_given_back(void **state)
{
    struct rig *rig = *state;

    rig->fakes[1].answer = -EAGAIN;
    rig->fakes[1].refusals = 2;
    assert_int_equal(hf_lease_try(&rig->lease, 1 * MS), -EAGAIN);
    assert_int_equal(hf_lease_try(&rig->lease, 500 * MS), -EAGAIN);
    assert_int_equal(locked(rig), 0);
    assert_int_equal(hf_lease_try(&rig->lease, 501 * MS), 0);
    assert_int_equal(locked(rig), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_last_user_gives_the_lock_back, set_up),
        cmocka_unit_test_setup(test_it_is_all_units_or_none, set_up),
        cmocka_unit_test_setup(test_the_owner_is_looked_for_once_and_not_at_once, set_up),
        cmocka_unit_test_setup(test_a_lock_that_cannot_be_taken_says_why, set_up),
        cmocka_unit_test_setup(test_a_lock_got_by_asking_why_it_failed_is_given_back, set_up),
        cmocka_unit_test_setup(test_a_lock_got_by_asking_who_holds_it_is_given_back, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
