/* SPDX-License-Identifier: BSD-3-Clause */
/* A request queue against our own device side of the ring, in one process and one thread. */
#include "../cmocka_all.h"

#include "base/spans.h"
#include "initiator/queue.h"
#include "ring/device.h"
#include "vscsi/lun.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define DEPTH     8u
#define RING_SIZE 16u
#define SEGMENTS  2u
#define DATA_SIZE 65536u
#define SPANS     8u

struct rig {
    struct hf_initiator_queue queue;
    struct hf_ring_device device;
    struct hf_memory memory;
    struct hf_guest_region arena;
    struct hf_guest_region data;
    uint8_t *rings[2];
    struct hf_initiator_ring ring;
    int kick_fd;
    unsigned faults;
    enum hf_ring_fault last_fault;
    unsigned done_count;
    struct hf_initiator_request *done[64];
    struct hf_initiator_result results[64];
    bool submits_again;
};

static struct rig *rig_now; /* the callback has no host */

static void done(struct hf_initiator_request *request, const struct hf_initiator_result *result)
{
    struct rig *rig = rig_now;

    rig->done[rig->done_count] = request;
    rig->results[rig->done_count++] = *result;
    if (rig->submits_again) {
        rig->submits_again = false;
        assert_int_equal(hf_initiator_queue_submit(&rig->queue, request), 0);
    }
}

static void fault(void *host, uint16_t queue, enum hf_ring_fault which)
{
    struct rig *rig = host;

    (void)queue;
    rig->faults++;
    rig->last_fault = which;
}

static void add_memory(struct rig *rig, const struct hf_guest_region *region)
{
    struct hf_memory_region added = { .guest_address = region->guest_address,
                                      .user_address = (uintptr_t)region->host,
                                      .size_bytes = region->size_bytes,
                                      .host = region->host };

    assert_int_equal(hf_memory_add(&rig->memory, &added), HF_MEMORY_FAULT_NONE);
}

static void make_memory(struct hf_guest_region *region, uint64_t guest_address, uint64_t bytes)
{
    *region = (struct hf_guest_region){ .host = aligned_alloc(4096, (bytes + 4095) & ~4095ull),
                                        .guest_address = guest_address,
                                        .size_bytes = bytes };
    assert_non_null(region->host);
    memset(region->host, 0, bytes);
}

/* Ring `set` is what queue and device use from now on. */
static void begin(struct rig *rig, unsigned set)
{
    struct hf_ring_layout layout = hf_ring_layout_of(RING_SIZE);
    uint8_t *base = rig->rings[set];
    struct hf_ring_device_setup setup = { .memory = &rig->memory,
                                          .event_index = rig->ring.event_index,
                                          .indirect = rig->ring.indirect };

    assert_int_equal(hf_ring_init(&rig->ring.ring, RING_SIZE, base, base + layout.avail_offset,
                                  base + layout.used_offset),
                     HF_RING_FAULT_NONE);
    hf_initiator_queue_begin(&rig->queue, &rig->ring);
    setup.ring = rig->ring.ring;
    hf_ring_device_start(&rig->device, &setup);
}

static struct rig *make_rig(bool indirect)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    struct hf_initiator_queue_setup setup = { .depth = DEPTH, .segments_max = SEGMENTS };

    rig_now = rig;
    make_memory(&rig->arena, 0x100000, hf_initiator_queue_bytes(DEPTH, SEGMENTS));
    make_memory(&rig->data, 0x40000000, DATA_SIZE);
    hf_memory_init(&rig->memory);
    add_memory(rig, &rig->arena);
    add_memory(rig, &rig->data);
    for (unsigned i = 0; i < 2; i++)
        rig->rings[i] = aligned_alloc(4096, 4096);
    rig->kick_fd = hf_event_create();
    setup.data = &rig->data;
    setup.arena = rig->arena;
    setup.kick_fd = rig->kick_fd;
    setup.ops = (struct hf_initiator_queue_ops){ .host = rig, .fault = fault };
    assert_int_equal(hf_initiator_queue_init(&rig->queue, &setup), 0);
    rig->ring.indirect = indirect;
    rig->ring.event_index = true;
    begin(rig, 0);
    return rig;
}

static int set_up(void **state)
{
    *state = make_rig(true);
    return 0;
}

static int set_up_direct(void **state)
{
    *state = make_rig(false);
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;

    hf_initiator_queue_done(&rig->queue);
    free(rig->arena.host);
    free(rig->data.host);
    free(rig->rings[0]);
    free(rig->rings[1]);
    close(rig->kick_fd);
    free(rig);
    return 0;
}

struct command {
    struct hf_initiator_request request;
    struct iovec iov[SEGMENTS];
};

/* A read of 1024 bytes into two pieces of the data, marked by its LUN. */
static struct command *make_read(struct rig *rig, struct command *command, uint16_t lun)
{
    uint8_t *bytes = rig->data.host + lun * 2048u;

    *command = (struct command){ .request = { .target = 3,
                                              .lun = lun,
                                              .cdb = { 0x28, (uint8_t)lun },
                                              .direction = HF_DIRECTION_IN,
                                              .iov_count = 2,
                                              .done = done },
                                 .iov = { { bytes, 512 }, { bytes + 1024, 512 } } };
    command->request.iov = command->iov;
    return command;
}

static void submit(struct rig *rig, struct command *command)
{
    assert_int_equal(hf_initiator_queue_submit(&rig->queue, &command->request), 0);
}

/* The device's view of the next request; *chain's spans live in the caller. */
static bool fetch(struct rig *rig, struct hf_ring_chain *chain, struct hf_vscsi_request *request,
                  uint16_t *head)
{
    if (!hf_ring_device_fetch(&rig->device, head))
        return false;
    assert_int_equal(hf_ring_device_walk(&rig->device, chain, *head), HF_RING_FAULT_NONE);
    struct hf_spans readable =
        hf_spans_of((const struct iovec *)hf_ring_chain_readable(chain), chain->readable_count);
    assert_true(hf_vscsi_request_gather(readable, request));
    return true;
}

static void answer(struct rig *rig, const struct hf_ring_chain *chain, uint16_t head,
                   uint8_t status)
{
    struct hf_vscsi_response response = { .status = status };
    struct hf_used_element element = { .id = head, .length = HF_VSCSI_RESPONSE_SIZE_BYTES };
    struct hf_spans writable =
        hf_spans_of((const struct iovec *)hf_ring_chain_writable(chain), chain->writable_count);

    assert_true(hf_vscsi_response_scatter(writable, &response));
    hf_ring_device_complete(&rig->device, &element, 1);
}

/* Serves all that is there with GOOD, notes the LUNs; returns how many. */
static unsigned serve(struct rig *rig, uint16_t *luns)
{
    struct hf_span spans[SPANS];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = SPANS };
    struct hf_vscsi_request request;
    unsigned count = 0;
    uint16_t head;

    while (fetch(rig, &chain, &request, &head)) {
        struct hf_vscsi_address address = hf_vscsi_lun_decode(request.lun);
        luns[count++] = address.lun;
        assert_int_equal(address.target, 3);
        assert_int_equal(request.cdb[1], (uint8_t)address.lun);
        answer(rig, &chain, head, HF_STATUS_GOOD);
    }
    return count;
}

static void a_request_goes_out_whole_and_its_answer_comes_back(void **state)
{
    struct rig *rig = *state;
    struct command command;
    struct hf_span spans[SPANS];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = SPANS };
    struct hf_vscsi_request request;
    uint16_t head;

    submit(rig, make_read(rig, &command, 2));
    assert_false(hf_ring_device_fetch(&rig->device, &head));
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(hf_event_drain(rig->kick_fd), 0);
    assert_true(fetch(rig, &chain, &request, &head));
    assert_int_equal(chain.readable_bytes, HF_VSCSI_REQUEST_SIZE_BYTES);
    assert_int_equal(chain.writable_bytes, HF_VSCSI_RESPONSE_SIZE_BYTES + 1024);
    assert_ptr_equal(hf_ring_chain_writable(&chain)[1].base, command.iov[0].iov_base);
    assert_ptr_equal(hf_ring_chain_writable(&chain)[2].base, command.iov[1].iov_base);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 0);
    answer(rig, &chain, head, HF_STATUS_BUSY);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 1);
    assert_ptr_equal(rig->done[0], &command.request);
    assert_int_equal(rig->results[0].status, HF_STATUS_BUSY);
    assert_false(hf_initiator_good(&rig->results[0]));
    assert_int_equal(rig->queue.outstanding, 0);
}

static void data_out_lies_behind_the_header(void **state)
{
    struct rig *rig = *state;
    struct command command;
    struct hf_span spans[SPANS];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = SPANS };
    struct hf_vscsi_request request;
    uint16_t head;

    make_read(rig, &command, 1)->request.direction = HF_DIRECTION_OUT;
    submit(rig, &command);
    hf_initiator_queue_push(&rig->queue);
    assert_true(fetch(rig, &chain, &request, &head));
    assert_int_equal(chain.readable_bytes, HF_VSCSI_REQUEST_SIZE_BYTES + 1024);
    assert_int_equal(chain.writable_bytes, HF_VSCSI_RESPONSE_SIZE_BYTES);
}

static void a_response_that_was_never_written_is_not_good(void **state)
{
    struct rig *rig = *state;
    struct command command;
    struct hf_used_element element = { 0 };
    uint16_t head;

    submit(rig, make_read(rig, &command, 0));
    hf_initiator_queue_push(&rig->queue);
    assert_true(hf_ring_device_fetch(&rig->device, &head));
    element.id = head;
    hf_ring_device_complete(&rig->device, &element, 1);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 1);
    assert_int_equal(rig->results[0].response, 0xff);
    assert_false(hf_initiator_good(&rig->results[0]));
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    struct rig *rig = *state;
    struct command commands[DEPTH + 1];
    struct command strange;
    uint8_t elsewhere[512];

    make_read(rig, &strange, 0)->iov[1] = (struct iovec){ elsewhere, sizeof(elsewhere) };
    assert_int_equal(hf_initiator_queue_submit(&rig->queue, &strange.request), -EFAULT);
    make_read(rig, &strange, 0)->iov[1].iov_len = DATA_SIZE;
    assert_int_equal(hf_initiator_queue_submit(&rig->queue, &strange.request), -EFAULT);
    make_read(rig, &strange, 0)->request.iov_count = SEGMENTS + 1;
    assert_int_equal(hf_initiator_queue_submit(&rig->queue, &strange.request), -E2BIG);
    assert_int_equal(rig->queue.outstanding, 0);
    for (uint16_t i = 0; i < DEPTH; i++)
        submit(rig, make_read(rig, &commands[i], i));
    make_read(rig, &commands[DEPTH], DEPTH);
    assert_int_equal(hf_initiator_queue_submit(&rig->queue, &commands[DEPTH].request), -EAGAIN);
    assert_int_equal(rig->queue.outstanding, DEPTH);
}

static void what_has_no_room_on_the_ring_waits_and_keeps_its_order(void **state)
{
    struct rig *rig = *state; /* direct: four descriptors each, sixteen in all */
    struct command commands[DEPTH];
    uint16_t luns[DEPTH];

    for (uint16_t i = 0; i < DEPTH; i++)
        submit(rig, make_read(rig, &commands[i], i));
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns), 4);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 4);
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns + 4), 4);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 4);
    for (uint16_t i = 0; i < DEPTH; i++)
        assert_int_equal(luns[i], i);
}

static void a_callback_may_submit_again(void **state)
{
    struct rig *rig = *state;
    struct command command;
    uint16_t luns[DEPTH];

    rig->submits_again = true;
    submit(rig, make_read(rig, &command, 4));
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns), 1);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 1);
    assert_int_equal(rig->queue.outstanding, 1);
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns), 1);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 1);
}

/* Submits 0..5; the device answers 1 and 4, and dies. */
static void lose_a_device(struct rig *rig, struct command *commands)
{
    struct hf_span spans[SPANS];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = SPANS };
    struct hf_vscsi_request request;
    uint16_t head;

    for (uint16_t i = 0; i < 6; i++)
        submit(rig, make_read(rig, &commands[i], i));
    hf_initiator_queue_push(&rig->queue);
    for (uint16_t i = 0; i < 6; i++) {
        assert_true(fetch(rig, &chain, &request, &head));
        if (i == 1 || i == 4)
            answer(rig, &chain, head, HF_STATUS_GOOD);
    }
    hf_initiator_queue_pause(&rig->queue);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 2);
}

static void a_fresh_ring_gets_all_that_is_outstanding_in_its_order(void **state)
{
    static const uint16_t expected[] = { 0, 2, 3, 5, 6 };
    struct rig *rig = *state;
    struct command commands[DEPTH];
    uint16_t luns[DEPTH];

    lose_a_device(rig, commands);
    submit(rig, make_read(rig, &commands[6], 6)); /* nobody is there: it waits */
    hf_initiator_queue_push(&rig->queue);
    begin(rig, 1);
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns), 5);
    assert_memory_equal(luns, expected, sizeof(expected));
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 5);
    assert_int_equal(rig->queue.outstanding, 0);
    assert_int_equal(rig->done_count, 7);
}

static void two_losses_in_a_row_keep_the_order(void **state)
{
    static const uint16_t expected[] = { 0, 2, 3, 5 };
    struct rig *rig = *state;
    struct command commands[DEPTH];
    uint16_t luns[DEPTH];

    lose_a_device(rig, commands);
    begin(rig, 1);
    hf_initiator_queue_push(&rig->queue);
    hf_initiator_queue_pause(&rig->queue);
    begin(rig, 0);
    hf_initiator_queue_push(&rig->queue);
    assert_int_equal(serve(rig, luns), 4);
    assert_memory_equal(luns, expected, sizeof(expected));
}

static void the_old_ring_is_not_touched_while_there_is_no_device(void **state)
{
    struct rig *rig = *state;
    struct command commands[DEPTH];
    uint8_t before[4096];

    lose_a_device(rig, commands);
    memcpy(before, rig->rings[0], sizeof(before));
    submit(rig, make_read(rig, &commands[6], 6));
    hf_initiator_queue_push(&rig->queue);
    assert_memory_equal(before, rig->rings[0], sizeof(before));
}

static void an_answer_that_comes_twice_is_told_and_stepped_over(void **state)
{
    struct rig *rig = *state;
    struct command commands[2];
    struct hf_span spans[SPANS];
    struct hf_ring_chain chain = { .spans = spans, .span_capacity = SPANS };
    struct hf_vscsi_request request;
    uint16_t first;
    uint16_t second;

    submit(rig, make_read(rig, &commands[0], 0));
    submit(rig, make_read(rig, &commands[1], 1));
    hf_initiator_queue_push(&rig->queue);
    assert_true(fetch(rig, &chain, &request, &first));
    answer(rig, &chain, first, HF_STATUS_GOOD);
    answer(rig, &chain, first, HF_STATUS_GOOD);
    assert_true(fetch(rig, &chain, &request, &second));
    answer(rig, &chain, second, HF_STATUS_GOOD);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 2);
    assert_int_equal(rig->faults, 1);
    assert_int_equal(rig->last_fault, HF_RING_FAULT_USED_ID);
    assert_int_equal(rig->queue.outstanding, 0);
}

static void an_index_that_cannot_be_breaks_the_ring_and_nothing_else(void **state)
{
    struct rig *rig = *state;
    struct command command;

    submit(rig, make_read(rig, &command, 0));
    hf_initiator_queue_push(&rig->queue);
    hf_order_release_u16(&rig->ring.ring.used->index, 30000);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 0);
    assert_int_equal(rig->faults, 1);
    assert_int_equal(rig->last_fault, HF_RING_FAULT_USED_INDEX);
    assert_int_equal(hf_initiator_queue_take(&rig->queue, 99), 0);
    assert_int_equal(rig->faults, 1);
    assert_int_equal(rig->queue.outstanding, 1);
}

static void listening_tells_what_came_in_the_meantime(void **state)
{
    struct rig *rig = *state;
    struct command command;
    uint16_t luns[DEPTH];

    assert_false(hf_initiator_queue_listen(&rig->queue));
    submit(rig, make_read(rig, &command, 0));
    hf_initiator_queue_push(&rig->queue);
    serve(rig, luns);
    assert_true(hf_ring_device_call_needed(&rig->device));
    assert_true(hf_initiator_queue_listen(&rig->queue));
    hf_initiator_queue_take(&rig->queue, 99);
    assert_false(hf_initiator_queue_listen(&rig->queue));
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RIG_TEST(a_request_goes_out_whole_and_its_answer_comes_back),
        RIG_TEST(data_out_lies_behind_the_header),
        RIG_TEST(a_response_that_was_never_written_is_not_good),
        RIG_TEST(what_does_not_fit_is_refused_and_changes_nothing),
        cmocka_unit_test_setup_teardown(what_has_no_room_on_the_ring_waits_and_keeps_its_order,
                                        set_up_direct, tear_down),
        RIG_TEST(a_callback_may_submit_again),
        RIG_TEST(a_fresh_ring_gets_all_that_is_outstanding_in_its_order),
        RIG_TEST(two_losses_in_a_row_keep_the_order),
        RIG_TEST(the_old_ring_is_not_touched_while_there_is_no_device),
        RIG_TEST(an_answer_that_comes_twice_is_told_and_stepped_over),
        RIG_TEST(an_index_that_cannot_be_breaks_the_ring_and_nothing_else),
        RIG_TEST(listening_tells_what_came_in_the_meantime),
    };

    return cmocka_run_group_tests_name("initiator/queue", tests, NULL, NULL);
}
