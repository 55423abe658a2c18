/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's rings, and its ledger. */
#include "guest.h"

#include "base/checked.h"
#include "os/event.h"
#include "os/fd.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFERS    (MX_MEMORY + 0x8000)
#define AREA_BYTES 1024u
#define AREA_COUNT 32u

void mx_fail(struct mx_verdict *verdict, const char *format, ...)
{
    va_list arguments;

    if (verdict->red)
        return;
    verdict->red = true;
    va_start(arguments, format);
    vsnprintf(verdict->text, sizeof(verdict->text), format, arguments);
    va_end(arguments);
}

uint64_t mx_guest_ring_address(const struct mx_guest *guest, uint16_t queue)
{
    return MX_MEMORY + (uint64_t)guest->area * AREA_BYTES +
           queue * hf_align_up(hf_ring_layout_of(MX_RING_SIZE).size_bytes, 64);
}

bool mx_guest_disowns(const struct mx_guest *guest, uint16_t queue, const void *desc, uint16_t head)
{
    const struct hf_ring_driver *driver = &guest->drivers[queue];

    return driver->ring.desc == desc && !hf_ring_driver_outstanding(driver, head);
}

static void map(struct hf_mapping *mapping, int *fd, uint64_t size_bytes)
{
    struct hf_error error;

    *fd = hf_region_create("guest", size_bytes);
    if (hf_mapping_init(mapping, *fd, 0, size_bytes, &error) < 0)
        abort();
}

void mx_guest_init(struct mx_guest *guest, struct mx_verdict *verdict)
{
    memset(guest, 0, sizeof(*guest));
    guest->verdict = verdict;
    map(&guest->memory, &guest->memory_fd, MX_MEMORY_SIZE);
    map(&guest->extra, &guest->extra_fd, MX_EXTRA_SIZE);
    guest->log_fd = hf_region_create("log", MX_LOG_SIZE);
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        guest->calls[i] = hf_event_create();
    mx_guest_lay_out(guest);
}

void mx_guest_done(struct mx_guest *guest)
{
    hf_mapping_done(&guest->memory);
    hf_mapping_done(&guest->extra);
    hf_fd_close(&guest->memory_fd);
    hf_fd_close(&guest->extra_fd);
    hf_fd_close(&guest->log_fd);
    for (uint16_t i = 0; i < MX_QUEUES; i++)
        hf_fd_close(&guest->calls[i]);
}

unsigned mx_guest_outstanding(const struct mx_guest *guest)
{
    return guest->posted - guest->completed - guest->given_up;
}

void mx_guest_lay_out(struct mx_guest *guest)
{
    struct hf_ring_layout layout = hf_ring_layout_of(MX_RING_SIZE);

    guest->given_up += mx_guest_outstanding(guest);
    guest->area = (guest->area + 1) % AREA_COUNT;
    for (uint16_t i = 0; i < MX_QUEUES; i++) {
        uint8_t *start = guest->memory.start + (mx_guest_ring_address(guest, i) - MX_MEMORY);
        struct hf_ring ring;

        hf_ring_init(&ring, MX_RING_SIZE, start, start + layout.avail_offset,
                     start + layout.used_offset);
        hf_ring_driver_init(&guest->drivers[i], &ring, guest->slots[i], false);
    }
    mx_rang(guest->calls);
}

void mx_guest_post(struct mx_guest *guest, uint16_t queue)
{
    struct hf_ring_segment segment = { .guest_address = BUFFERS, .length = 64 };
    struct hf_ring_driver_request request = { .segments = &segment, .writable_count = 1 };

    if (!hf_ring_driver_add(&guest->drivers[queue], &request, NULL))
        return;
    hf_ring_driver_publish(&guest->drivers[queue]);
    guest->posted++;
}

static bool harvest_ring(struct mx_guest *guest, uint16_t queue)
{
    struct hf_ring_driver *driver = &guest->drivers[queue];
    struct hf_ring_driver_completion completion;
    unsigned before = guest->completed;

    while (hf_ring_driver_take(driver, &completion))
        guest->completed++;
    if (driver->fault != HF_RING_FAULT_NONE)
        mx_fail(guest->verdict, "guest: ring %u: %s", queue, hf_ring_fault_text(driver->fault));
    return guest->completed != before;
}

unsigned mx_rang(const int fds[MX_QUEUES])
{
    struct pollfd items[MX_QUEUES];
    unsigned found = 0;
    uint64_t value;

    for (unsigned i = 0; i < MX_QUEUES; i++)
        items[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
    if (poll(items, MX_QUEUES, 0) <= 0)
        return 0;
    for (unsigned i = 0; i < MX_QUEUES; i++) {
        if (items[i].revents == POLLIN && read(fds[i], &value, sizeof(value)) > 0)
            found |= 1u << i;
    }
    return found;
}

bool mx_guest_harvest(struct mx_guest *guest)
{
    unsigned rang = mx_rang(guest->calls);
    bool any = false;

    for (uint16_t i = 0; i < MX_QUEUES; i++) {
        if ((rang & (1u << i)) != 0)
            any = harvest_ring(guest, i) || any;
    }
    return any;
}
