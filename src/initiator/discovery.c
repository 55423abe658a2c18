/* SPDX-License-Identifier: BSD-3-Clause */
/* One command at a time, waited for; what the targets answer is read as untrusted bytes. */
#include "initiator/discovery.h"

#include "base/bytes.h"
#include "os/clock.h"
#include "scsi/cdb.h"

#include <errno.h>
#include <string.h>

#define ABSENT_IN_A_ROW 16u
#define LUNS_MAX        256u
#define ANSWER_SIZE     (8u + LUNS_MAX * HF_LUN_SIZE_BYTES)
#define ATTENTION_TRIES 4u /* a unit may have several things to tell before it serves */

_Static_assert(ANSWER_SIZE <= HF_DISCOVERY_BUFFER_SIZE, "REPORT LUNS fits");

/* One command and its answer; `request` first: the callback finds the rest. */
struct question {
    struct hf_initiator_request request;
    struct hf_initiator *initiator;
    struct iovec iov;
    uint64_t deadline_ns;
    struct hf_initiator_result result;
    bool done;
};

static void answered(struct hf_initiator_request *request, const struct hf_initiator_result *result)
{
    struct question *question = (struct question *)request;

    question->result = *result;
    question->done = true;
}

/* 0 = answered, whatever the status. On a time-out the initiator still has the request: it may
 * only be freed then. */
static int ask_once(struct question *question, size_t size_bytes, struct hf_error *error)
{
    question->iov.iov_len = size_bytes;
    question->request.iov = &question->iov;
    question->request.iov_count = size_bytes == 0 ? 0 : 1;
    question->request.direction = size_bytes == 0 ? HF_DIRECTION_NONE : HF_DIRECTION_IN;
    question->request.done = answered;
    question->done = false;
    memset(question->iov.iov_base, 0, size_bytes);
    int ret = hf_initiator_submit(question->initiator, 0, &question->request);
    if (ret < 0)
        return hf_error_set(error, -ret, "unable to send a command: %s", strerror(-ret));
    hf_initiator_push(question->initiator);
    return hf_initiator_finish(question->initiator, &question->done, question->deadline_ns, error);
}

static int ask(struct question *question, size_t size_bytes, struct hf_error *error)
{
    int ret = 0;

    for (unsigned i = 0; i < ATTENTION_TRIES; i++) {
        ret = ask_once(question, size_bytes, error);
        if (ret < 0 || question->result.sense.key != HF_SENSE_KEY_UNIT_ATTENTION)
            break;
    }
    return ret;
}

static void copy_field(char *into, size_t size, const uint8_t *from, size_t length)
{
    length = length < size - 1 ? length : size - 1;
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == 0))
        length--;
    for (size_t i = 0; i < length; i++)
        into[i] = from[i] >= 0x20 && from[i] < 0x7f ? (char)from[i] : '?';
    into[length] = 0;
}

/* 0 with *present; standard INQUIRY, SPC-4 §6.6.2. */
static int inquire(struct question *question, struct hf_disk *disk, bool *present,
                   struct hf_error *error)
{
    const uint8_t *bytes = question->iov.iov_base;

    hf_cdb_inquiry(question->request.cdb, 96);
    int ret = ask(question, 96, error);
    *present = ret == 0 && hf_initiator_good(&question->result) && (bytes[0] >> 5) == 0;
    if (!*present)
        return ret;
    disk->type = bytes[0] & 0x1f;
    copy_field(disk->vendor, sizeof(disk->vendor), bytes + 8, 8);
    copy_field(disk->product, sizeof(disk->product), bytes + 16, 16);
    return 0;
}

/* VPD page 80; absent is no error. */
static int ask_serial(struct question *question, struct hf_disk *disk, struct hf_error *error)
{
    const uint8_t *bytes = question->iov.iov_base;

    hf_cdb_inquiry_page(question->request.cdb, 0x80, 252);
    int ret = ask(question, 252, error);
    if (ret < 0 || !hf_initiator_good(&question->result) || bytes[1] != 0x80)
        return ret;
    size_t length = (size_t)bytes[2] << 8 | bytes[3];
    copy_field(disk->serial, sizeof(disk->serial), bytes + 4, length < 248 ? length : 248);
    return 0;
}

static int ask_capacity_16(struct question *question, struct hf_disk *disk, struct hf_error *error)
{
    hf_cdb_read_capacity_16(question->request.cdb, 32);
    int ret = ask(question, 32, error);
    if (ret < 0 || !hf_initiator_good(&question->result))
        return ret;
    struct hf_reader reader = hf_reader_of(question->iov.iov_base, 32);
    disk->blocks = hf_read_be64(&reader) + 1; /* all ones + 1: nothing */
    disk->block_size_bytes = hf_read_be32(&reader);
    return 0;
}

static int ask_capacity(struct question *question, struct hf_disk *disk, struct hf_error *error)
{
    hf_cdb_read_capacity_10(question->request.cdb);
    int ret = ask(question, 8, error);
    if (ret < 0)
        return ret;
    struct hf_reader reader = hf_reader_of(question->iov.iov_base, 8);
    uint32_t last = hf_read_be32(&reader);
    if (!hf_initiator_good(&question->result) || last == UINT32_MAX)
        return ask_capacity_16(question, disk, error);
    disk->blocks = (uint64_t)last + 1;
    disk->block_size_bytes = hf_read_be32(&reader);
    return 0;
}

/* Bit 7 of the device-specific parameter: WP (SBC-3 §6.4.1). */
static int ask_protection(struct question *question, struct hf_disk *disk, struct hf_error *error)
{
    const uint8_t *bytes = question->iov.iov_base;

    hf_cdb_mode_sense_6(question->request.cdb, 0x3f, 252);
    int ret = ask(question, 252, error);
    if (ret == 0 && hf_initiator_good(&question->result))
        disk->read_only = (bytes[2] & 0x80) != 0;
    return ret;
}

static int add_disk(struct question *question, struct hf_disk_list *list, struct hf_error *error)
{
    struct hf_disk disk = { .target = question->request.target, .lun = question->request.lun };
    bool present = false;
    int ret = inquire(question, &disk, &present, error);

    if (ret < 0 || !present)
        return ret;
    if (list->count == list->capacity) {
        list->truncated = true;
        return 0;
    }
    ret = ask_serial(question, &disk, error);
    if (ret == 0)
        ret = ask_capacity(question, &disk, error);
    if (ret == 0 && disk.type == 0)
        ret = ask_protection(question, &disk, error);
    if (ret == 0)
        list->disks[list->count++] = disk;
    return ret;
}

/* A copy: the buffer is used again while the list is walked. LUN 0 alone where it is not served. */
static int report_luns(struct question *question, uint16_t *luns, unsigned *count,
                       struct hf_error *error)
{
    hf_cdb_report_luns(question->request.cdb, ANSWER_SIZE);
    int ret = ask(question, ANSWER_SIZE, error);
    luns[0] = 0;
    *count = 1;
    if (ret < 0 || !hf_initiator_good(&question->result))
        return ret;
    struct hf_reader reader = hf_reader_of(question->iov.iov_base, ANSWER_SIZE);
    uint32_t listed = hf_read_be32(&reader) / HF_LUN_SIZE_BYTES;
    hf_read_skip(&reader, 4);
    *count = 0;
    for (uint32_t i = 0; i < listed && i < LUNS_MAX; i++) {
        uint8_t bytes[HF_LUN_SIZE_BYTES];
        uint16_t number = 0;
        hf_read_bytes(&reader, bytes, sizeof(bytes));
        if (hf_lun_decode(bytes, &number) == HF_LUN_FORM_UNIT)
            luns[(*count)++] = number;
    }
    return 0;
}

static int look_at_target(struct question *question, struct hf_disk_list *list, bool *present,
                          struct hf_error *error)
{
    uint16_t luns[LUNS_MAX];
    unsigned count = 0;

    question->request.lun = 0;
    hf_cdb_test_unit_ready(question->request.cdb);
    int ret = ask_once(question, 0, error);
    *present = ret == 0 && question->result.response != HF_VSCSI_BAD_TARGET;
    if (!*present)
        return ret;
    ret = report_luns(question, luns, &count, error);
    for (unsigned i = 0; ret == 0 && i < count; i++) {
        question->request.lun = luns[i];
        ret = add_disk(question, list, error);
    }
    return ret;
}

int hf_discovery_run(struct hf_initiator *initiator, void *buffer, uint64_t deadline_ns,
                     struct hf_disk_list *list, struct hf_error *error)
{
    struct question question = { .initiator = initiator,
                                 .iov = { .iov_base = buffer },
                                 .deadline_ns = deadline_ns };
    unsigned absent = 0;
    int ret = 0;

    list->count = 0;
    list->truncated = false;
    for (unsigned target = 0; ret == 0 && target < 256 && absent < ABSENT_IN_A_ROW; target++) {
        bool present = false;
        question.request.target = (uint8_t)target;
        ret = look_at_target(&question, list, &present, error);
        absent = present ? 0 : absent + 1;
    }
    if (ret < 0)
        hf_error_prefix(error, "unable to find out what disks there are");
    return ret;
}
