/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom it kills is a child that sleeps; what it asks is answered here, from its own thread. */
#include "../cmocka_all.h"

#include "drill/killer.h"
#include "os/clock.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS       HF_NS_PER_MS
#define LIMIT_NS (50 * MS)

struct scene {
    struct hf_killer killer;
    struct hf_error error;
    pid_t child;
    unsigned misses; /* so often nothing is in flight */
    unsigned asked;  /* atomic */
};

static bool hits(void *host)
{
    struct scene *scene = host;

    return __atomic_fetch_add(&scene->asked, 1, __ATOMIC_RELAXED) >= scene->misses;
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    scene->child = fork();
    if (scene->child == 0) {
        sleep(60);
        _exit(1);
    }
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    hf_killer_end(&scene->killer);
    kill(scene->child, SIGKILL);
    waitpid(scene->child, NULL, 0);
    free(scene);
    return 0;
}

static uint64_t send_after(struct scene *scene, uint64_t after_ns, uint64_t seed)
{
    struct hf_killer_aim aim = {
        .at_ns = hf_clock_ns() + after_ns, .seed = seed, .hits = hits, .host = scene
    };

    assert_int_equal(hf_killer_start(&scene->killer, scene->child, &aim, &scene->error), 0);
    return aim.at_ns;
}

static uint64_t wait_for_kill(const struct scene *scene)
{
    for (unsigned i = 0; i < 10000 && hf_killer_killed(&scene->killer) == 0; i++)
        usleep(500);
    return hf_killer_killed(&scene->killer);
}

static void an_instant_that_hits_is_not_put_off(void **state)
{
    struct scene *scene = *state;
    uint64_t at = send_after(scene, 5 * MS, 1);
    int status = 0;

    assert_true(wait_for_kill(scene) >= at);
    assert_int_equal(scene->asked, 1);
    assert_true(hf_killer_is_killing(&scene->killer));
    assert_int_equal(waitpid(scene->child, &status, 0), scene->child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void an_instant_that_hits_nothing_is_drawn_again(void **state)
{
    struct scene *scene = *state;

    scene->misses = 3;
    uint64_t at = send_after(scene, 0, 1);
    uint64_t killed = wait_for_kill(scene);
    assert_true(killed > 0);
    /* A machine that lets it wait takes the time for more instants. */
    if (killed < at + LIMIT_NS)
        assert_int_equal(scene->asked, 4);
    else
        assert_in_range(scene->asked, 1, 4);
}

static void what_stays_idle_is_killed_idle_and_soon(void **state)
{
    struct scene *scene = *state;

    scene->misses = UINT32_MAX;
    uint64_t at = send_after(scene, 0, 1);
    uint64_t killed = wait_for_kill(scene);
    assert_true(killed >= at + LIMIT_NS && killed < at + 5000 * MS);
    assert_in_range(scene->asked, 1, 10000);
}

/* A killer that watched for the next request would ask all the time, and kill at its beginning. */
static void it_looks_at_instants_and_does_not_lie_in_wait(void **state)
{
    struct scene *scene = *state;
    unsigned sum = 0;

    scene->misses = UINT32_MAX;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        scene->asked = 0;
        send_after(scene, 0, seed);
        assert_true(wait_for_kill(scene) > 0);
        hf_killer_end(&scene->killer);
        sum += scene->asked;
    }
    /* 50 ms of instants that are 5 ms apart on average: eleven each, fewer on a busy machine. */
    assert_in_range(sum, 8, 8 * 30);
}

static void told_to_end_it_does_not_kill(void **state)
{
    struct scene *scene = *state;

    send_after(scene, 3600 * HF_NS_PER_S, 1);
    hf_killer_end(&scene->killer);
    assert_int_equal(hf_killer_killed(&scene->killer), 0);
    assert_false(hf_killer_is_killing(&scene->killer));
    assert_int_equal(waitpid(scene->child, NULL, WNOHANG), 0);
    hf_killer_end(&scene->killer);
}

int main(void)
{
#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_instant_that_hits_is_not_put_off),
        SCENE_TEST(an_instant_that_hits_nothing_is_drawn_again),
        SCENE_TEST(what_stays_idle_is_killed_idle_and_soon),
        SCENE_TEST(it_looks_at_instants_and_does_not_lie_in_wait),
        SCENE_TEST(told_to_end_it_does_not_kill),
    };

    return cmocka_run_group_tests_name("drill/killer", tests, NULL, NULL);
}
