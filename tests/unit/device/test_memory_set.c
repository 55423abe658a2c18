/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory set all at once. */
#include "../cmocka_all.h"

#include "parts.h"

#include "os/fd.h"

#include <errno.h>
#include <sys/resource.h>

static int set(struct rig *rig, const struct hf_device_memory *memory, size_t count)
{
    return hf_device_set_memory(rig->device, memory, count, NULL);
}

static void what_stays_is_not_told_again(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory[] = { part(rig, 2), own(rig) };

    memory[1].fd = hf_fd_dup(rig->memory_fd); /* the same file */
    assert_int_equal(set(rig, memory, 2), 0);
    released(rig);
    story_find("-> ADD_MEM_REG [guest=0x300000", story_first("-> REM_MEM_REG [guest=0x200000"));
    assert_int_equal(story_times("-> "), 2);
    story_forget();
    assert_int_equal(set(rig, memory, 2), 0);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    assert_true(hf_device_memory_released(rig->device));
    hf_fd_close(&memory[1].fd);
    backend_end(pid, true);
}

static void what_is_mapped_elsewhere_is_another_part(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory[] = { own(rig), part(rig, 1) };

    int other = hf_region_create("other", 4 * PART);

    memory[1].fd = other;
    for (unsigned i = 0; i < 3; i++) {
        memory[1].host_address = (uint8_t *)memory[1].host_address + (i == 1 ? PART : 0);
        memory[1].fd_offset += i == 2 ? 4096 : 0;
        story_forget();
        assert_int_equal(set(rig, memory, 2), 0);
        rig_until(rig, HF_DEVICE_EVENT_MEMORY_RELEASED, i + 1);
        story_first("-> REM_MEM_REG [guest=0x200000");
        story_first("-> ADD_MEM_REG [guest=0x200000");
    }
    hf_fd_close(&other);
    backend_end(pid, true);
}

static void expect_set(struct rig *rig, struct hf_device_memory second, int code)
{
    struct hf_device_memory memory[] = { own(rig), part(rig, 2), second };
    unsigned fds = rig_count_fds();
    struct hf_error error = { 0 };

    assert_int_equal(hf_device_set_memory(rig->device, memory, 3, &error), code);
    assert_int_equal(error.code, -code);
    assert_int_not_equal(error.text[0], '\0');
    rig_dispatch_for(rig, 2 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    assert_int_equal(rig_count_fds(), fds);
    assert_true(hf_device_memory_released(rig->device));
}

static void all_or_nothing_is_set(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory = part(rig, 2);

    expect_set(rig, memory, -EEXIST); /* twice the same */
    memory.guest_address += PART - 1;
    expect_set(rig, memory, -EEXIST);
    memory = part(rig, 3);
    memory.size_bytes = 0;
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.guest_address = UINT64_MAX - 1;
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.host_address = (void *)(UINTPTR_MAX - 1);
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.fd_offset = UINT64_MAX - 1;
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.fd_offset = 1; /* not all of it is in the file */
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.fd = rig->kick;
    expect_set(rig, memory, -EINVAL);
    memory = part(rig, 3);
    memory.fd = -1;
    expect_set(rig, memory, -EBADF);
    backend_end(pid, true);
}

static void the_memory_of_a_ring_is_not_left_out(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory[] = { part(rig, 1), part(rig, 2) };
    struct hf_device_memory moved[] = { own(rig), part(rig, 2) };

    assert_int_equal(set(rig, memory, 2), -EBUSY);
    assert_int_equal(set(rig, NULL, 0), -EBUSY);
    moved[0].host_address = (uint8_t *)moved[0].host_address + PART;
    assert_int_equal(set(rig, moved, 2), -EBUSY);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

static void with_no_queue_all_of_it_may_go(void **state)
{
    struct rig *rig = *state;

    add(rig, 1);
    assert_int_equal(set(rig, NULL, 0), 0);
    assert_int_equal(hf_device_remove_memory(rig->device, RIG_MEMORY, PART, NULL), -ENOENT);
    released(rig);
}

static void without_descriptors_nothing_is_set(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory[] = { own(rig), part(rig, 2), part(rig, 3) };
    struct rlimit before, few;
    struct hf_error error;
    unsigned fds = rig_count_fds();

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = hf_fd_dup(rig->memory_fd);
    few = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max };
    hf_fd_close(&next);
    setrlimit(RLIMIT_NOFILE, &few); /* room for one */
    int result = hf_device_set_memory(rig->device, memory, 3, &error);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(result, -EMFILE);
    assert_string_equal(error.text, "cannot keep the descriptors of 3 memory parts: Too many open "
                                    "files");
    assert_int_equal(rig_count_fds(), fds);
    rig_dispatch_for(rig, 5 * HF_NS_PER_MS);
    assert_int_equal(story.count, 0);
    backend_end(pid, true);
}

static void set_while_nobody_is_there_it_is_what_the_next_one_gets(void **state)
{
    struct rig *rig = *state;
    pid_t pid = start(rig, NULL);
    struct hf_device_memory memory[] = { part(rig, 4), own(rig), part(rig, 5) };

    backend_end(pid, true);
    rig_until(rig, HF_DEVICE_EVENT_STOPPED, 1);
    assert_int_equal(set(rig, memory, 3), 0);
    story_forget();
    pid = story_backend(rig, NULL);
    rig_until(rig, HF_DEVICE_EVENT_STARTED, 2);
    assert_int_equal(story_times("-> ADD_MEM_REG"), 3);
    for (unsigned i = 0; i < 3; i++) {
        char line[80];

        snprintf(line, sizeof(line), "-> ADD_MEM_REG [guest=0x%llx",
                 (unsigned long long)memory[i].guest_address);
        assert_int_equal(story_times(line), 1);
    }
    backend_end(pid, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_stays_is_not_told_again),
        STORY(what_is_mapped_elsewhere_is_another_part),
        STORY(all_or_nothing_is_set),
        STORY(the_memory_of_a_ring_is_not_left_out),
        STORY(with_no_queue_all_of_it_may_go),
        STORY(without_descriptors_nothing_is_set),
        STORY(set_while_nobody_is_there_it_is_what_the_next_one_gets),
    };

    return cmocka_run_group_tests_name("device/memory set", tests, NULL, NULL);
}
