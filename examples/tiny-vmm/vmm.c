/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a device in its VMM, and the loop. */
#include "vmm.h"

#include "callbacks.h"
#include "say.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_scsi.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

void vmm_expect(int result, int wanted, const char *what, const struct hf_error *error)
{
    if (result != wanted)
        fail("%s: %d (%s), not %d: %s", what, result, strerror(-result), wanted,
             error != NULL && error->code != 0 ? error->text : "no sentence");
    if (error != NULL && (error->code != -result || (result == 0) != (error->text[0] == '\0')))
        fail("%s: %d, but the error object has %d, \"%s\"", what, result, error->code, error->text);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void make_descriptors(struct vmm *vmm)
{
    for (unsigned i = 0; i < GUEST_QUEUES; i++) {
        vmm->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        vmm->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (vmm->kick[i] < 0 || vmm->call[i] < 0)
            fail("cannot make an eventfd: %s", strerror(errno));
    }
}

void vmm_init(struct vmm *vmm, const char *name, const char *socket_path, enum vmm_style style)
{
    struct hf_device_config config;
    struct hf_device_ops ops = callbacks_of(vmm, style);
    struct hf_error error = { 0 };

    *vmm = (struct vmm){ .name = name, .style = style, .runs = true };
    make_descriptors(vmm);
    hf_device_config_init(&config, sizeof(config));
    config.socket_path = socket_path;
    config.num_queues = GUEST_QUEUES - GUEST_FIRST_REQUEST;
    config.realize_retries = HF_RETRIES_FOREVER;
    vmm_expect(hf_device_new(&vmm->device, &config, &ops, &error), 0, "hf_device_new", &error);
}

struct hf_device_memory vmm_part(const struct memory_part *part)
{
    return (struct hf_device_memory){ .guest_address = part->guest_address,
                                      .size_bytes = part->size_bytes,
                                      .host_address = part->host,
                                      .fd = part->fd,
                                      .fd_offset = part->fd_offset };
}

void vmm_give_memory(struct vmm *vmm, struct memory *memory)
{
    struct hf_device_memory parts[MEMORY_PARTS_MAX];
    struct hf_error error = { 0 };

    for (unsigned i = 0; i < memory->part_count; i++)
        parts[i] = vmm_part(&memory->parts[i]);
    vmm_expect(hf_device_set_memory(vmm->device, parts, memory->part_count, &error), 0,
               "hf_device_set_memory", &error);
    vmm->memory = memory;
}

void vmm_give_guest(struct vmm *vmm, struct guest *guest)
{
    vmm->guest = guest;
    guest->host = vmm;
    guest->notify = callbacks_notify;
    guest_move(guest, vmm->memory);
}

void vmm_realize(struct vmm *vmm)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_realize(vmm->device, 20 * SECOND_NS, &error), 0, "hf_device_realize",
               &error);
}

void vmm_done(struct vmm *vmm)
{
    struct hf_error error = { 0 };
    int result = hf_device_unrealize(vmm->device, 20 * SECOND_NS, &error);

    if (result != -EIO || !vmm->crash_seen)
        vmm_expect(result, 0, "hf_device_unrealize", &error);
    hf_device_free(vmm->device);
    for (unsigned i = 0; i < GUEST_QUEUES; i++) {
        close(vmm->kick[i]);
        close(vmm->call[i]);
    }
    vmm->device = NULL;
}

struct hf_device_info vmm_info(const struct vmm *vmm)
{
    struct hf_device_info info;

    hf_device_get_info(vmm->device, &info, sizeof(info));
    return info;
}

/* ---- the driver's registers ------------------------------------------------------------------ */

static void set_status(struct vmm *vmm, uint8_t status)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_set_status(vmm->device, status, &error), 0, "hf_device_set_status",
               &error);
}

static void negotiate(struct vmm *vmm)
{
    uint64_t wanted =
        1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_SCSI_F_HOTPLUG | 1ull << VIRTIO_SCSI_F_CHANGE;
    uint64_t offered = hf_device_get_features(vmm->device);

    if ((offered & 1ull << VIRTIO_F_VERSION_1) == 0)
        fail("the device does not offer VERSION_1: 0x%llx", (unsigned long long)offered);
    vmm_expect(hf_device_set_features(vmm->device, offered & wanted), 0, "hf_device_set_features",
               NULL);
}

static void set_up_queues(struct vmm *vmm)
{
    for (uint16_t i = 0; i < GUEST_QUEUES; i++) {
        const struct ring *ring = &vmm->guest->rings[i];
        struct hf_device_queue queue = {
            .size = ring->size, .desc = ring->desc, .avail = ring->avail, .used = ring->used
        };

        vmm_expect(hf_device_set_queue(vmm->device, i, &queue), 0, "hf_device_set_queue", NULL);
    }
}

void vmm_boot(struct vmm *vmm)
{
    struct virtio_scsi_config space;
    uint8_t status = HF_VIRTIO_STATUS_ACKNOWLEDGE | HF_VIRTIO_STATUS_DRIVER;

    set_status(vmm, status);
    negotiate(vmm);
    set_status(vmm, status |= HF_VIRTIO_STATUS_FEATURES_OK);
    vmm_expect(hf_device_read_config(vmm->device, 0, &space, sizeof(space)), 0,
               "hf_device_read_config", NULL);
    if (space.num_queues != GUEST_QUEUES - GUEST_FIRST_REQUEST || space.sense_size != 96)
        fail("a configuration space of %u queues, %u sense bytes", space.num_queues,
             space.sense_size);
    guest_boot(vmm->guest);
    set_up_queues(vmm);
    set_status(vmm, status | HF_VIRTIO_STATUS_DRIVER_OK);
    guest_begin(vmm->guest);
    vmm_drain(vmm);
}

static bool wait_at_rest(struct vmm *vmm)
{
    struct hf_error error = { 0 };
    int result = hf_device_wait_at_rest(vmm->device, 20 * SECOND_NS, &error);

    if (result != -EIO || !vmm->crash_seen)
        vmm_expect(result, 0, "hf_device_wait_at_rest", &error);
    if (!hf_device_at_rest(vmm->device))
        fail("not at rest after it was waited for");
    return result == 0;
}

static bool reads_0(const struct vmm *vmm)
{
    return hf_device_get_status(vmm->device) == 0;
}

/* The driver waits until it reads 0, and its memory is its own from then on (virtio 1.3 §2.4). */
void vmm_reset(struct vmm *vmm)
{
    guest_halt(vmm->guest);
    set_status(vmm, 0);
    vmm_run(vmm, reads_0, "the end of a reset");
    if (!hf_device_at_rest(vmm->device))
        fail("the driver reads 0 while rings may run");
}

bool vmm_pause(struct vmm *vmm)
{
    struct hf_error error = { 0 };

    vmm->runs = false;
    vmm_expect(hf_device_set_vm_running(vmm->device, false, &error), 0, "hf_device_set_vm_running",
               &error);
    return wait_at_rest(vmm);
}

void vmm_resume(struct vmm *vmm)
{
    struct hf_error error = { 0 };

    vmm_expect(hf_device_set_vm_running(vmm->device, true, &error), 0, "hf_device_set_vm_running",
               &error);
    vmm->crash_seen = false;
    vmm->runs = true;
    for (uint16_t i = 0; i < GUEST_QUEUES; i++)
        callbacks_deliver(vmm, i);
}

/* ---- the loop -------------------------------------------------------------------------------- */

void vmm_mask(struct vmm *vmm, uint16_t queue, bool masked)
{
    vmm->masked[queue] = masked;
    vmm_expect(hf_device_mask_call(vmm->device, queue, masked), 0, "hf_device_mask_call", NULL);
}

/* A guest that does not run, or masked the queue, takes no interrupt: it stays in its descriptor.
 */
void vmm_turn(struct vmm *vmm, int timeout_ms)
{
    struct pollfd items[1 + GUEST_QUEUES] = { { .fd = hf_device_fd(vmm->device),
                                                .events = POLLIN } };

    for (unsigned i = 0; i < GUEST_QUEUES; i++)
        items[1 + i] = (struct pollfd){ .fd = vmm->runs && !vmm->masked[i] ? vmm->call[i] : -1,
                                        .events = POLLIN };
    if (poll(items, 1 + GUEST_QUEUES, timeout_ms) < 0 && errno != EINTR)
        fail("poll: %s", strerror(errno));
    if (items[0].revents != 0)
        hf_device_dispatch(vmm->device);
    for (uint16_t i = 0; i < GUEST_QUEUES; i++) {
        if (items[1 + i].revents != 0)
            callbacks_take_call(vmm, i);
    }
}

void vmm_turn_for(struct vmm *vmm, unsigned long long ms)
{
    unsigned long long end = now_ms() + ms;

    for (unsigned long long now = now_ms(); now < end; now = now_ms())
        vmm_turn(vmm, (int)(end - now));
}

static void check_patience(const struct vmm *vmm, unsigned long long since, const char *what)
{
    struct hf_device_info info = vmm_info(vmm);

    if (now_ms() - since > VMM_PATIENCE_MS)
        fail("%s: not within %llu s; the device is %s, %llu requests are outstanding", what,
             VMM_PATIENCE_MS / 1000, hf_device_phase_name(info.phase),
             (unsigned long long)guest_outstanding(vmm->guest));
}

void vmm_run(struct vmm *vmm, bool (*condition)(const struct vmm *vmm), const char *what)
{
    unsigned long long since = now_ms();

    while (!condition(vmm)) {
        vmm_turn(vmm, 100);
        check_patience(vmm, since, what);
    }
}

void vmm_run_to(struct vmm *vmm, uint64_t answered)
{
    unsigned long long since = now_ms();

    while (vmm->guest->answered < answered) {
        vmm_turn(vmm, 100);
        check_patience(vmm, since, "answers");
    }
}

static bool is_drained(const struct vmm *vmm)
{
    return vmm->guest->posted == vmm->guest->wanted && guest_outstanding(vmm->guest) == 0;
}

void vmm_drain(struct vmm *vmm)
{
    vmm_run(vmm, is_drained, "the last answers");
}

void vmm_await(struct vmm *vmm, enum hf_device_event_kind kind, unsigned before)
{
    unsigned long long since = now_ms();

    while (vmm->events[kind] <= before) {
        vmm_turn(vmm, 100);
        check_patience(vmm, since, "an event of the device");
    }
}

void vmm_ask_for_death(struct vmm *vmm)
{
    unsigned before = vmm->events[HF_DEVICE_EVENT_LOST];

    vmm_turn_for(vmm, 5); /* by now it has fetched what was posted */
    say("DO kill -9 %d (the back-end)", vmm_info(vmm).peer_pid);
    vmm_await(vmm, HF_DEVICE_EVENT_LOST, before);
}

void vmm_ask_for_start(struct vmm *vmm, enum hf_device_event_kind kind)
{
    unsigned before = vmm->events[kind];

    say("DO start the back-end again");
    vmm_await(vmm, kind, before);
}
