/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as the state of a device (docs/device-state.md). Held to: what is taken is saved again
 * as it was, what is refused has a sentence and leaves the device as it was, and no descriptor
 * stays behind.
 */
#include "fuzz.h"

#include "holdfast/device.h"

#include "base/bytes.h"
#include "wire/feature.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEPTH_TAKEN,
    DEPTH_RINGS,
    DEPTH_REGION,
};

#define QUEUES_MAX   5u
#define MEMORY       0x100000u /* guest address */
#define MEMORY_BYTES 0x4000u
#define STATE_MAX    (1u << 20)
/* Where in a state the rings are. */
#define RINGS      40u
#define RING_BYTES 32u

struct device {
    struct hf_device *device;
    int peer; /* nobody reads there */
};

static uint8_t memory[MEMORY_BYTES] __attribute__((aligned(4096)));

static void interrupt(void *host, uint16_t queue)
{
    (void)host;
    FUZZ_CHECK(queue < QUEUES_MAX);
}

/* One for all inputs. */
static int memory_fd(void)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("memory", MFD_CLOEXEC);
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, MEMORY_BYTES) == 0);
    return fd;
}

/* The first byte of an input says how many queues the device has. */
static struct device make_device(uint8_t queues)
{
    static const struct hf_device_ops ops = { .size_bytes = sizeof(ops), .interrupt = interrupt };
    struct hf_device_config config;
    struct device made;
    int pair[2];

    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    hf_device_config_init(&config, sizeof(config));
    config.socket_fd = pair[0];
    config.num_queues = 1 + queues % (QUEUES_MAX - 2);
    made.peer = pair[1];
    FUZZ_CHECK(hf_device_new(&made.device, &config, &ops, NULL) == 0);
    FUZZ_CHECK(hf_device_add_memory(made.device,
                                    &(struct hf_device_memory){ .guest_address = MEMORY,
                                                                .size_bytes = MEMORY_BYTES,
                                                                .host_address = memory,
                                                                .fd = memory_fd() },
                                    NULL) == 0);
    FUZZ_CHECK(hf_device_set_vm_running(made.device, false, NULL) == 0);
    return made;
}

static void unmake(struct device *device)
{
    hf_device_free(device->device);
    close(device->peer);
}

static size_t save(const struct device *device, uint8_t *into)
{
    int64_t size_bytes = hf_device_save(device->device, into, STATE_MAX, NULL);

    FUZZ_CHECK(size_bytes > 0 && size_bytes <= (int64_t)STATE_MAX);
    return (size_t)size_bytes;
}

static void expect_saved(const struct device *device, const uint8_t *bytes, size_t size_bytes)
{
    static uint8_t saved[STATE_MAX];

    FUZZ_CHECK(save(device, saved) == size_bytes && memcmp(saved, bytes, size_bytes) == 0);
}

static unsigned depth_of(const uint8_t *bytes, size_t size_bytes)
{
    unsigned depth = FUZZ_DEPTH(DEPTH_TAKEN);
    size_t queues = bytes[34];

    for (size_t i = 0; i < queues; i++) {
        if (bytes[RINGS + i * RING_BYTES] != 0)
            depth |= FUZZ_DEPTH(DEPTH_RINGS);
    }
    if (size_bytes > RINGS + queues * RING_BYTES + 24)
        depth |= FUZZ_DEPTH(DEPTH_REGION);
    return depth;
}

/* Everything that the state brought is used, and goes. */
static void use(struct device *device)
{
    hf_device_set_vm_running(device->device, true, NULL);
    hf_device_dispatch(device->device);
    hf_device_set_vm_running(device->device, false, NULL);
    hf_device_dispatch(device->device);
    hf_device_reset(device->device);
}

static unsigned load(struct device *device, const uint8_t *bytes, size_t size_bytes)
{
    static uint8_t before[STATE_MAX];
    size_t length = save(device, before);
    uint8_t *given = fuzz_copy(bytes, size_bytes);
    struct hf_error error = { 0 };
    int result = hf_device_load(device->device, given, size_bytes, &error);

    free(given);
    FUZZ_CHECK(result <= 0 && error.code == -result && (error.text[0] == '\0') == (result == 0));
    expect_saved(device, result == 0 ? bytes : before, result == 0 ? size_bytes : length);
    if (result != 0)
        return 0;
    use(device);
    return depth_of(bytes, size_bytes);
}

static int lowest_free_fd(void)
{
    int fd = dup(memory_fd());

    close(fd);
    return fd;
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    int free_fd = lowest_free_fd();

    if (size_bytes == 0 || size_bytes > STATE_MAX)
        return 0;
    struct device device = make_device(bytes[0]);
    unsigned depth = load(&device, bytes + 1, size_bytes - 1);
    unmake(&device);
    FUZZ_CHECK(lowest_free_fd() == free_fd);
    return depth;
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static void put_ring(struct hf_writer *writer, uint16_t size, uint64_t start)
{
    hf_write_le16(writer, size);
    hf_write_le16(writer, 7);
    hf_write_le32(writer, 0);
    hf_write_le64(writer, start);
    hf_write_le64(writer, start + 0x400);
    hf_write_le64(writer, start + 0x800);
}

static void put_head(struct hf_writer *writer, uint32_t flags, uint16_t queues)
{
    hf_write_bytes(writer, "HFDEVICE", 8);
    hf_write_le32(writer, 1);
    hf_write_le32(writer, flags);
    hf_write_le64(writer, HF_FEATURE(VERSION_1));
    hf_write_le64(writer, HF_FEATURE(VERSION_1) | HF_FEATURE(EVENT_IDX));
    hf_write_u8(writer, 15);
    hf_write_u8(writer, (uint8_t)(flags & 2)); /* a legacy driver's kick, now and then */
    hf_write_le16(writer, queues);
    hf_write_le32(writer, (flags & 1) != 0 ? 0 : 3);
}

static void put_region(struct hf_writer *writer, uint16_t queues, uint64_t bytes_each)
{
    hf_write_le64(writer, queues * bytes_each);
    hf_write_le64(writer, 0);
    hf_write_le16(writer, bytes_each != 0 ? queues : 0);
    hf_write_le16(writer, bytes_each != 0 ? 8 : 0);
    hf_write_le32(writer, 0);
    hf_write_zeros(writer, queues * bytes_each);
}

static void seed(const char *name, uint32_t flags, uint16_t queues, uint16_t ring_size,
                 uint64_t region_each)
{
    uint8_t bytes[2048];
    struct hf_writer writer = hf_writer_of(bytes, sizeof(bytes));

    hf_write_u8(&writer, (uint8_t)(queues - 3));
    put_head(&writer, flags, queues);
    for (uint16_t i = 0; i < queues; i++)
        put_ring(&writer, i == 1 ? 0 : ring_size, MEMORY + i * 0xc00u);
    put_region(&writer, queues, region_each);
    FUZZ_CHECK(hf_writer_fits(&writer));
    fuzz_seed(name, bytes, writer.length);
}

static void seed_fresh(void)
{
    uint8_t bytes[2048] = { 0 };
    struct device device = make_device(0);
    int64_t size_bytes = hf_device_save(device.device, bytes + 1, sizeof(bytes) - 1, NULL);

    FUZZ_CHECK(size_bytes > 0);
    fuzz_seed("fresh", bytes, 1 + (size_t)size_bytes);
    unmake(&device);
}

static void seeds(void)
{
    seed_fresh();
    seed("clean", 3, 3, 8, 0);
    seed("crash", 2, 3, 8, 16 + 16 * 8);
    seed("crash-with-room", 2, 4, 4, 192);
    seed("crash-without-region", 2, 5, 8, 0);
    seed("no-region-for-these-rings", 2, 3, 16, 16 + 16 * 8);
    seed("reserved", 7, 3, 8, 0);
}

const struct fuzz_target fuzz_target = {
    .name = "state",
    .depths = { "taken", "with rings", "with a region" },
    .run = run,
    .seeds = seeds,
};
