/* SPDX-License-Identifier: BSD-3-Clause */
/* See threads_driver.h. */
#include "threads_driver.h"

#include "../cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scsi/cdb.h"
#include "scsi/status.h"
#include "vscsi/lun.h"
#include "vscsi/request.h"

#define RESPONSE_AT  128u /* in a lane */
#define DATA_AT      512u
#define BLOCKS       4u
#define DATA_BYTES   (BLOCKS * 512u)
#define DATA_WORDS   (DATA_BYTES / sizeof(uint32_t))
#define NAP_MS       20
#define LOST_CALL_MS 3000
#define PATIENCE_MS  20000u

static void fail_with(struct driver *driver, const char *text)
{
    const char *none = NULL;

    atomic_compare_exchange_strong(&driver->failure, &none, text);
}

/* ---- a lane ---- */

static unsigned place_of(const struct driver_lane *lane)
{
    return lane->driver->number * DRIVER_LANES + lane->number;
}

static uint8_t *lane_at(const struct driver_lane *lane)
{
    return lane->driver->front->memory.start + place_of(lane) * FRONT_LANE_BYTES;
}

static uint32_t *data_at(const struct driver_lane *lane)
{
    uint8_t *extra = lane->driver->front->extra.start + place_of(lane) * FRONT_LANE_BYTES;

    return (uint32_t *)(void *)((lane->is_extra ? extra : lane_at(lane)) + DATA_AT);
}

static uint32_t word_of(const struct driver_lane *lane, uint32_t index)
{
    return lane->generation * 2654435761u + place_of(lane) * 40503u + index;
}

static void fill_data(const struct driver_lane *lane)
{
    for (uint32_t i = 0; i < DATA_WORDS; i++)
        data_at(lane)[i] = lane->reading ? 0xdeadbeef : word_of(lane, i);
}

static bool data_is_right(const struct driver_lane *lane)
{
    for (uint32_t i = 0; i < DATA_WORDS; i++)
        if (data_at(lane)[i] != word_of(lane, i))
            return false;
    return true;
}

/* Units in turn; blocks of its own. */
static void write_header(const struct driver_lane *lane)
{
    struct hf_vscsi_request header = { .tag = lane->generation };
    uint64_t block = (lane->driver->front->number * FRONT_LANES + place_of(lane)) * BLOCKS;

    hf_vscsi_lun_encode((uint8_t)(lane->number % lane->driver->front->unit_count), 0, header.lun);
    if (lane->reading)
        hf_cdb_read(header.cdb, block, BLOCKS);
    else
        hf_cdb_write(header.cdb, block, BLOCKS, lane->generation % 8 == 0);
    hf_vscsi_request_encode(&header, lane_at(lane));
    memset(lane_at(lane) + RESPONSE_AT, 0xee, HF_VSCSI_RESPONSE_SIZE_BYTES);
}

static uint64_t data_address(const struct driver_lane *lane)
{
    return (lane->is_extra ? FRONT_EXTRA_GUEST : FRONT_MEMORY_GUEST) +
           place_of(lane) * FRONT_LANE_BYTES + DATA_AT;
}

/* Written by one queue, read by the other, the next time the other way round. */
static struct driver_line *line_of(struct driver_lane *lane)
{
    return &lane->driver->lines[(lane->generation + lane->reading) % DRIVER_QUEUES];
}

/* Counted first, then asked: who forbids it looks the other way round. */
static bool enter_extra(struct driver *driver)
{
    atomic_fetch_add(&driver->extra_out, 1);
    if (atomic_load(&driver->may_use_extra))
        return true;
    atomic_fetch_sub(&driver->extra_out, 1);
    return false;
}

static void post(struct driver_lane *lane)
{
    struct driver *driver = lane->driver;
    uint64_t at = FRONT_MEMORY_GUEST + place_of(lane) * FRONT_LANE_BYTES;

    lane->is_extra = lane->number % 2 == 1 && enter_extra(driver);
    write_header(lane);
    fill_data(lane);
    struct hf_ring_segment data = { data_address(lane), DATA_BYTES };
    struct hf_ring_segment response = { at + RESPONSE_AT, HF_VSCSI_RESPONSE_SIZE_BYTES };
    struct hf_ring_segment segments[3] = { { at, HF_VSCSI_REQUEST_SIZE_BYTES },
                                           lane->reading ? response : data,
                                           lane->reading ? data : response };
    struct hf_ring_driver_request request = { .segments = segments,
                                              .readable_count = lane->reading ? 1 : 2,
                                              .writable_count = lane->reading ? 2 : 1,
                                              .cookie = lane };
    if (!hf_ring_driver_add(&line_of(lane)->driver, &request, NULL))
        fail_with(driver, "no room in a ring");
    driver->out++;
}

/* What was answered decides what comes next. */
static void judge(struct driver_lane *lane)
{
    struct driver *driver = lane->driver;
    struct hf_vscsi_response response;

    hf_vscsi_response_decode(lane_at(lane) + RESPONSE_AT, &response);
    bool good = response.response == HF_VSCSI_OK && response.status == HF_STATUS_GOOD;
    if (good && lane->reading && !data_is_right(lane))
        fail_with(driver, "wrong data was read");
    if (!good && !(response.response == HF_VSCSI_RESET && atomic_load(&driver->may_be_reset)))
        fail_with(driver, "a request failed");
    lane->generation += lane->reading || !good;
    if (!good)
        atomic_fetch_add(&driver->resets, 1);
    lane->reading = good && !lane->reading;
}

static void take(struct driver *driver, struct driver_line *line)
{
    struct hf_ring_driver_completion completion;

    while (hf_ring_driver_take(&line->driver, &completion)) {
        struct driver_lane *lane = completion.cookie;

        judge(lane);
        if (lane->is_extra)
            atomic_fetch_sub(&driver->extra_out, 1);
        driver->out--;
        atomic_fetch_add(&driver->answered, 1);
        if (!atomic_load(&driver->ends))
            post(lane);
    }
    if (line->driver.fault != HF_RING_FAULT_NONE)
        fail_with(driver, hf_ring_fault_text(line->driver.fault));
}

/* ---- sleep ---- */

static void push(struct driver *driver)
{
    const uint64_t one = 1;

    for (unsigned i = 0; i < DRIVER_QUEUES; i++) {
        struct driver_line *line = &driver->lines[i];

        hf_ring_driver_publish(&line->driver);
        if (hf_ring_driver_kick_needed(&line->driver))
            syscall(SYS_write, driver->front->kick[line->vring], &one, sizeof(one));
    }
}

static bool pending(struct driver *driver)
{
    return hf_ring_driver_used_pending(&driver->lines[0].driver) ||
           hf_ring_driver_used_pending(&driver->lines[1].driver);
}

static bool wait_for_call(struct driver *driver, int limit_ms)
{
    struct timespec limit = { .tv_sec = limit_ms / 1000, .tv_nsec = limit_ms % 1000 * 1000000L };
    struct pollfd items[DRIVER_QUEUES];
    uint64_t value;

    for (unsigned i = 0; i < DRIVER_QUEUES; i++)
        items[i] =
            (struct pollfd){ .fd = driver->front->call[driver->lines[i].vring], .events = POLLIN };
    if (syscall(SYS_ppoll, items, DRIVER_QUEUES, &limit, NULL, 0) <= 0)
        return false;
    for (unsigned i = 0; i < DRIVER_QUEUES; i++)
        if (items[i].revents & POLLIN)
            syscall(SYS_read, items[i].fd, &value, sizeof(value));
    return true;
}

/* An answer is there and no call ever comes: that is what a guest hangs on. */
static void sleep_until_called(struct driver *driver)
{
    bool found = hf_ring_driver_enable_call(&driver->lines[0].driver);

    found |= hf_ring_driver_enable_call(&driver->lines[1].driver);
    if (!found && !wait_for_call(driver, NAP_MS) && pending(driver) &&
        !wait_for_call(driver, LOST_CALL_MS))
        fail_with(driver, "a call was lost");
    hf_ring_driver_disable_call(&driver->lines[0].driver);
    hf_ring_driver_disable_call(&driver->lines[1].driver);
}

static void stay_parked(struct driver *driver)
{
    atomic_store(&driver->parked, true);
    while (atomic_load(&driver->parks))
        usleep(100);
    atomic_store(&driver->parked, false);
}

static void *drive(void *argument)
{
    struct driver *driver = argument;

    for (unsigned i = 0; i < DRIVER_LANES; i++)
        post(&driver->lanes[i]);
    while (driver->out > 0 && !atomic_load(&driver->failure)) {
        if (atomic_load(&driver->parks))
            stay_parked(driver);
        push(driver);
        sleep_until_called(driver);
        take(driver, &driver->lines[0]);
        take(driver, &driver->lines[1]);
    }
    return NULL;
}

/* ---- from outside ---- */

static void start_line(struct driver *driver, unsigned index)
{
    struct driver_line *line = &driver->lines[index];

    line->vring = 2 + driver->number * DRIVER_QUEUES + index;
    hf_ring_driver_init(&line->driver, &driver->front->rings[line->vring], line->slots, true);
    hf_ring_driver_disable_call(&line->driver);
}

void driver_start(struct driver *driver, struct front *front, unsigned number)
{
    memset(driver, 0, sizeof(*driver));
    driver->front = front;
    driver->number = number;
    atomic_store(&driver->may_use_extra, true);
    for (unsigned i = 0; i < DRIVER_QUEUES; i++)
        start_line(driver, i);
    for (unsigned i = 0; i < DRIVER_LANES; i++)
        driver->lanes[i] = (struct driver_lane){ .driver = driver, .number = i };
    assert_int_equal(pthread_create(&driver->thread, NULL, drive, driver), 0);
}

static void check(struct driver *driver)
{
    const char *failure = atomic_load(&driver->failure);

    if (failure)
        fail_msg("driver %u: %s", driver->number, failure);
}

void driver_stop(struct driver *driver)
{
    atomic_store(&driver->ends, true);
    pthread_join(driver->thread, NULL);
    check(driver);
}

void driver_park(struct driver *driver)
{
    atomic_store(&driver->parks, true);
    for (unsigned waited = 0; !atomic_load(&driver->parked); waited++) {
        check(driver);
        assert_true(waited < PATIENCE_MS);
        usleep(1000);
    }
}

void driver_unpark(struct driver *driver)
{
    atomic_store(&driver->parks, false);
    for (unsigned waited = 0; atomic_load(&driver->parked); waited++) {
        assert_true(waited < PATIENCE_MS);
        usleep(1000);
    }
}

void driver_wait_answers(struct driver *driver, unsigned count)
{
    unsigned before = atomic_load(&driver->answered);

    for (unsigned waited = 0; atomic_load(&driver->answered) - before < count; waited++) {
        check(driver);
        assert_true(waited < PATIENCE_MS);
        usleep(1000);
    }
}

void driver_leave_extra(struct driver *driver)
{
    atomic_store(&driver->may_use_extra, false);
    for (unsigned waited = 0; atomic_load(&driver->extra_out) > 0; waited++) {
        check(driver);
        assert_true(waited < PATIENCE_MS);
        usleep(1000);
    }
}
