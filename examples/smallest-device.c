/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The smallest host of a vhost-user-scsi device. Its guest is one page of memory, and the driver is
 * in here too: it asks the disk who it is, once more when the back-end was restarted, and ends.
 */
#define _GNU_SOURCE 1
#include <holdfast/device.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REQUEST_QUEUE = 2, ENTRIES = 4 };

struct guest { /* little-endian: virtio is, and so is this machine */
    _Alignas(4096) struct vring_desc desc[ENTRIES];
    uint16_t used_flags, used_index;
    struct vring_used_elem used_ring[ENTRIES];
    uint16_t avail_event; /* of the used ring */
    uint16_t avail_flags, avail_index, avail_ring[ENTRIES], used_event;
    struct virtio_scsi_cmd_req request;
    struct virtio_scsi_cmd_resp response;
    char inquiry[36];
};
#define AT(field) offsetof(struct guest, field) /* its guest-physical address */

/* INQUIRY to LUN 0 of target 0, and where its answers go. The available ring is 0 everywhere. */
static const struct guest at_boot = {
    .desc = { { AT(request), sizeof(at_boot.request), VRING_DESC_F_NEXT, 1 },
              { AT(response), sizeof(at_boot.response), VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 2 },
              { AT(inquiry), sizeof(at_boot.inquiry), VRING_DESC_F_WRITE, 0 } },
    .request = { .lun = { 1, 0, 0x40 }, .cdb = { 0x12, [4] = sizeof(at_boot.inquiry) } },
};

static struct hf_device *device;
static struct guest *guest;
static uint16_t answers;

static void ask(void)
{
    __atomic_fetch_add(&guest->avail_index, 1, __ATOMIC_RELEASE);
    hf_device_kick(device, REQUEST_QUEUE, NULL);
}

/* Each start interrupts every queue once, answer or not. */
static void interrupt(void *host, uint16_t queue)
{
    (void)host;
    if (__atomic_load_n(&guest->used_index, __ATOMIC_ACQUIRE) == answers)
        return;
    answers++;
    printf("queue %u, status %u: %.8s %.16s\n", queue, guest->response.status, guest->inquiry + 8,
           guest->inquiry + 16);
}

/* What was in flight is answered by the next back-end: it must not be asked again. */
static void event(void *host, const struct hf_device_event *event)
{
    (void)host;
    printf("%s\n", event->text); /* after a loss: how long the gap was */
    if (event->recovered && guest->avail_index == answers)
        ask();
}

int main(int count, char **words)
{
    struct hf_device_config config;
    struct hf_device_ops ops = { sizeof(ops), .event = event, .interrupt = interrupt };
    struct hf_device_queue queue = { ENTRIES, AT(desc), AT(avail_flags), AT(used_flags) };
    struct hf_error error = { 0 };
    int fd = memfd_create("guest", MFD_CLOEXEC);

    guest = mmap(NULL, sizeof(*guest), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (count != 2 || guest == MAP_FAILED || write(fd, &at_boot, sizeof(at_boot)) < 0)
        return 2;
    struct hf_device_memory memory = { 0, sizeof(*guest), guest, fd, 0 };
    hf_device_config_init(&config, sizeof(config));
    config.socket_path = words[1];
    if (hf_device_new(&device, &config, &ops, &error) < 0 ||
        hf_device_add_memory(device, &memory, &error) < 0 ||
        hf_device_realize(device, 0, &error) < 0 ||
        hf_device_set_features(device, 1ull << VIRTIO_F_VERSION_1) < 0 ||
        hf_device_set_queue(device, REQUEST_QUEUE, &queue) < 0 ||
        hf_device_set_status(device, HF_VIRTIO_STATUS_DRIVER_OK, &error) < 0) {
        fprintf(stderr, "smallest-device: %s\n", error.text);
        return 1;
    }
    ask();
    for (struct pollfd item = { hf_device_fd(device), POLLIN, 0 }; answers < 2;) {
        poll(&item, 1, -1);
        hf_device_dispatch(device);
    }
    hf_device_unrealize(device, 1000000000, NULL);
    hf_device_free(device);
    return 0;
}
