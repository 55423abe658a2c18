/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest in this process: memory, rings, a driver on each, and the data path serving them. The
 * guest's memory and the in-flight region are shared mappings, so that a child can be the target
 * and be killed. One thread drives; it is the control thread too.
 */
#ifndef TESTS_TARGET_RIG_H
#define TESTS_TARGET_RIG_H

#include "../cmocka_all.h"

#include "ring/driver.h"
#include "scsi/cdb.h"
#include "target/queue.h"
#include "target/unit.h"
#include "target/worker.h"
#include "vscsi/request.h"

#define RIG_QUEUES      6 /* control, event, four request queues */
#define RIG_SIZE        128
#define RIG_SLOT_BYTES  65536u /* guest memory of one request */
#define RIG_SLOTS       128u
#define RIG_DATA        4096u /* where its data begins */
#define RIG_GUEST_BASE  UINT64_C(0x40000000)
#define RIG_PATIENCE_MS 10000

struct rig_command {
    uint8_t cdb[HF_CDB_SIZE_BYTES];
    uint64_t tag;
    uint8_t target;
    uint16_t lun;
    uint32_t data_out;
    uint32_t data_in;
    uint32_t data_offset;  /* in the page of the data: to misalign it */
    uint32_t header_piece; /* the header in pieces of so many bytes; 0 = whole */
};

struct rig_call {
    unsigned slot;
    unsigned queue;
    bool done;
    unsigned times; /* how often it was answered */
    unsigned order; /* among all answers */
    uint32_t length;
    struct hf_vscsi_response response;
};

struct rig_ring {
    struct hf_ring ring;
    struct hf_ring_driver driver;
    struct hf_ring_driver_slot slots[RIG_SIZE];
    int kick;
    int call;
    int err;
};

struct rig {
    uint8_t *guest; /* RIG_GUEST_BASE in the guest */
    size_t guest_bytes;
    uint8_t *other; /* the same memory at another place; NULL: none */
    struct hf_memory memory;
    struct hf_inflight_region region;
    bool tracked;
    uint16_t base_ahead;            /* a ring is told its used index and so much */
    const struct hf_queue_log *log; /* of rings that are started from here on; NULL: none */
    bool is_target;                 /* a child that serves: the answers are not its own */
    struct rig_ring rings[RIG_QUEUES];
    struct hf_unit *units[4];
    struct hf_nexus nexus;
    struct hf_crew *crew;
    unsigned answers;
    unsigned breaks;
    char broken_text[160];
    char report_text[160];
};

/* What an order came to, for waiting. */
struct rig_answer {
    bool here;
    struct hf_queue_answer answer;
    char text[128];
};

void rig_init(struct rig *rig, bool tracked);
/* Stops what runs. */
void rig_done(struct rig *rig);
/* The back-end's half: units by words (NULL ends), workers. */
void rig_open(struct rig *rig, const char *const *words, unsigned threads);
/* rig_init, tracked, and rig_open with one unit. */
void rig_make(struct rig *rig, const char *words, unsigned threads);
/* The same, and the first `queues` rings are started. */
void rig_serve(struct rig *rig, const char *words, unsigned threads, unsigned queues);
/* Starts ring i at its used index, as a front-end does after a crash. */
void rig_start(struct rig *rig, unsigned index, bool enabled, struct rig_answer *answer);
void rig_start_all(struct rig *rig, unsigned queues);
void rig_stop(struct rig *rig, unsigned index, struct rig_answer *answer);
struct hf_queue_reply rig_reply(struct rig_answer *answer);
void rig_wait_answer(struct rig *rig, struct rig_answer *answer);

/* Data of a slot, in the guest's memory. */
uint8_t *rig_data(struct rig *rig, unsigned slot, const struct rig_command *command);
/* Posts and kicks; the answer lands in *call. The caller chooses the slot. */
void rig_post(struct rig *rig, unsigned queue, struct rig_call *call, unsigned slot,
              const struct rig_command *command);
/* Puts into the ring without a kick. */
void rig_add(struct rig *rig, unsigned queue, struct rig_call *call, unsigned slot,
             const struct rig_command *command);
void rig_kick(struct rig *rig, unsigned queue);
/* Task management on the control queue; *call gets the response byte in response.response. */
void rig_post_task(struct rig *rig, struct rig_call *call, unsigned slot, uint32_t subtype,
                   uint64_t tag);
/* Takes answers; returns how many. */
unsigned rig_poll(struct rig *rig);
void rig_wait(struct rig *rig, const struct rig_call *call);
/* post and wait */
void rig_run(struct rig *rig, struct rig_call *call, const struct rig_command *command);
bool rig_err_rung(struct rig *rig, unsigned queue);

struct rig_command rig_read(uint64_t lba, uint32_t blocks);
struct rig_command rig_write(uint64_t lba, uint32_t blocks, bool fua);
struct rig_command rig_flush(void);
struct rig_command rig_inquiry(void);
void rig_assert_good(const struct rig_call *call);

/* A scratch file in the current directory, unlinked by hf_scratch_done. */
void scratch_make(char *path, size_t path_size, uint64_t size_bytes);
void scratch_read(const char *path, uint64_t offset, void *into, size_t size_bytes);
uint64_t now_ms(void);
/* Fills with a pattern that differs by `seed` and by place. */
void pattern_fill(uint8_t *bytes, size_t size_bytes, uint32_t seed);
void pattern_assert(const uint8_t *bytes, size_t size_bytes, uint32_t seed);

#endif
