/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of a relayed device only. */
#ifndef HF_RELAY_DEVICE_PRIVATE_H
#define HF_RELAY_DEVICE_PRIVATE_H

#include "relay/device.h"

#include "frontend/frontend.h"
#include "os/listener.h"
#include "os/loop.h"
#include "os/region.h"
#include "session/relay_record.h"

#include <sys/types.h>

/* After one ring was stopped the others wait so long for theirs. */
#define HF_RELAY_LINGER_NS UINT64_C(20000000)

/* The channel on which a back-end asks the VMM: ours towards each, with what is under way. */
#define HF_RELAY_CALLS_MAX 16u
struct hf_relay_calls {
    struct hf_channel vmm;     /* requests out, answers in */
    struct hf_channel backend; /* the other way round; a new one for each session */
    struct hf_channel_ops vmm_ops;
    struct hf_channel_ops backend_ops;
    unsigned head, count;               /* requests passed on, answers to come */
    uint32_t dials[HF_RELAY_CALLS_MAX]; /* of whose session each is */
};

/* What VMMs have read of the config space: the answer while nobody else is there, for the next VMM
 * too. */
struct hf_relay_space {
    uint32_t size_bytes; /* from 0 on */
    uint8_t bytes[HF_WIRE_CONFIG_MAX];
};

struct hf_relay_log {
    struct hf_log_limit limit;
    struct hf_timer timer; /* for what was left out */
};

/* A back-end, and our front-end towards it. */
struct hf_relay_side {
    struct hf_relay_device *device;
    struct hf_frontend frontend;
    struct hf_frontend_ops ops;
    struct hf_watch watch;
};

/* A switch to another back-end: see switch.c. */
enum hf_relay_move_phase {
    HF_RELAY_MOVE_NONE,
    HF_RELAY_MOVE_PREPARE, /* the next one is told all but the rings; `other` is the next */
    HF_RELAY_MOVE_STOP,    /* the rings come to rest */
    HF_RELAY_MOVE_START,   /* they start; `other` is the one before, ready to go on */
    HF_RELAY_MOVE_COUNT
};

struct hf_relay_move {
    enum hf_relay_move_phase phase;
    struct hf_relay_side *other;
    hf_relay_switched *done;
    void *host;
    bool failed;          /* the next one was lost or refused us */
    uint64_t copied;      /* generation of the plan that it knows */
    uint64_t stopping_ns; /* when the rings began to stop */
    struct hf_timer deadline;
    struct hf_timer patience; /* the VMM's */
    char why[HF_RELAY_WHY_SIZE];
};

struct hf_relay_device {
    struct hf_relay_device_config config; /* strings: in `words` */
    const struct hf_relay_device_ops *ops;
    char *words;
    struct hf_loop loop;
    struct hf_timer deadline; /* of the core */

    struct hf_listener listener;
    struct hf_watch listener_watch;
    bool listens; /* its watch is on */
    struct hf_channel vmm;
    struct hf_channel_ops vmm_ops;
    bool given_used;       /* config.vmm_fd was served */
    uint64_t vmm_since_ns; /* its next message waits for a switch since then; 0: there is none */

    struct hf_relay_side *side;  /* of the present back-end */
    struct hf_frontend *backend; /* its front-end: &side->frontend; NULL: there is no side */
    struct hf_relay_move move;
    char moved_to[HF_STREAM_PATH_SIZE]; /* by a switch; empty: the configured ones count */
    struct hf_relay core;
    struct hf_relay_effects effects;
    struct hf_relay_promise promise;
    bool promised; /* it is known what may be offered */
    int record_fd; /* a memfd, */
    struct hf_mapping record_mapping;
    struct hf_relay_record *record; /* and what is in it */
    bool served;                    /* a VMM is there, or was and is not over */

    /* Noted by callbacks, done by hf_relay_device_pump. */
    bool look;
    bool connected;
    bool parted; /* a session has ended */
    enum hf_fault lost;
    uint32_t lost_dial;
    bool answered;
    int answer_error;
    union hf_wire_body answer;
    uint32_t question;       /* number of the awaited one, with the front core; 0: none */
    bool reset_waits;        /* RESET_DEVICE, and */
    struct hf_asked waiting; /* this one, for a question before it; request 0: none */
    bool vmm_gone;
    bool pumping;

    /* An event that came of an effect: stepped behind the last effect. */
    bool feeding;
    bool fed;
    struct hf_relay_event next;
    union hf_wire_body next_body;

    struct hf_relay_log log;
    struct hf_relay_calls calls;
    struct hf_relay_space space;
    dev_t region_device; /* of the in-flight region that the VMM has */
    ino_t region_inode;

    struct hf_timer hang_timer;
    uint16_t hang_used[HF_BACK_RINGS_MAX];     /* used index seen last */
    uint64_t hang_since_ns[HF_BACK_RINGS_MAX]; /* since when it stands there with work; 0: not */
    struct hf_timer wait_timer;

    struct hf_relay_status status; /* the counted part */
    bool crashed;                  /* this outage is counted */
    uint64_t away_since_ns;        /* 0: rings run or need not */
};

/* log.c */
void hf_relay_log_init(struct hf_relay_device *device);
void hf_relay_log_done(struct hf_relay_device *device);
void hf_relay_device_log(struct hf_relay_device *device, enum hf_log_level level,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What comes of the VMM's deeds. What is too much in a second is counted, and said when that is
 * over. */
void hf_relay_vmm_log(struct hf_relay_device *device, enum hf_log_level level, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));
void hf_relay_device_trace(struct hf_relay_device *device, const char *who, const char *arrow,
                           const struct hf_message *message);

/* device.c */
void hf_relay_device_feed(struct hf_relay_device *device, const struct hf_relay_event *event);
/* Does what callbacks noted, until nothing is left. */
void hf_relay_device_pump(struct hf_relay_device *device);

/* record.c: all that another relay would have to know, written before it is acted on */
int hf_relay_record_open(struct hf_relay_device *device, struct hf_error *error);
void hf_relay_record_close(struct hf_relay_device *device);
/* The relay core has made a step, and `effects` follow from it. */
void hf_relay_record_step(struct hf_relay_device *device, const struct hf_relay_effects *effects);
/* A front core has. `host`: its side. */
void hf_relay_record_stepped(void *host);

/* effects.c */
void hf_relay_device_carry_out(struct hf_relay_device *device,
                               const struct hf_relay_effect *effect);

/* vmm.c: the side of the VMM */
int hf_relay_vmm_init(struct hf_relay_device *device, struct hf_error *error);
void hf_relay_vmm_done(struct hf_relay_device *device);
/* Reads, accepts or rests, as the state wants it. */
void hf_relay_vmm_update(struct hf_relay_device *device);
void hf_relay_vmm_reply(struct hf_relay_device *device);
void hf_relay_vmm_hang_up(struct hf_relay_device *device);

/* backend.c: the side of the back-end */
int hf_relay_backend_init(struct hf_relay_device *device, struct hf_error *error);
void hf_relay_backend_done(struct hf_relay_device *device);
/* A front-end to that socket, not yet wanting anybody; hf_frontend_dial_all adds the other
 * configured ones, if it is one of them. NULL with a sentence. */
struct hf_relay_side *hf_relay_side_new(struct hf_relay_device *device, const char *path,
                                        struct hf_error *error);
bool hf_relay_backend_is_configured(const struct hf_relay_device *device, const char *path);
void hf_relay_side_free(struct hf_relay_side *side);
/* The VMM's session is over: what the back-end was told of it goes, a fresh session begins. */
void hf_relay_backend_renew(struct hf_relay_device *device);
void hf_relay_backend_ask(struct hf_relay_device *device, const struct hf_asked *asked);
/* A question that waited for another may be asked now. */
void hf_relay_backend_ask_waiting(struct hf_relay_device *device);

/* indices.c: by pread of the memory files. -errno: it cannot be read. */
int hf_relay_read_indices(const struct hf_plan *plan, uint64_t avail_address, uint64_t used_address,
                          uint16_t *avail, uint16_t *used);

/* calls.c: the back-end's requests to the VMM */
void hf_relay_calls_init(struct hf_relay_device *device);
void hf_relay_calls_done(struct hf_relay_device *device);
/* The VMM's end of a channel, borrowed. Returns the back-end's end of its own, the caller's, or
 * -errno, logged; there is no channel then. */
int hf_relay_calls_take(struct hf_relay_device *device, int fd);
/* A new session of the back-end gets a channel of its own, if the VMM has one. */
void hf_relay_calls_renew(struct hf_relay_device *device);

/* space.c */
void hf_relay_space_note(struct hf_relay_device *device, const struct hf_wire_config *config);
/* False: not known. */
bool hf_relay_space_answer(const struct hf_relay_device *device, struct hf_wire_config *config);

/* promise.c: what was promised before, and what the present back-end lets us promise. */
void hf_relay_promise_recall(struct hf_relay_device *device);
void hf_relay_promise_learn(struct hf_relay_device *device);
/* The file that remembers it. -errno with a sentence; -ENOENT: none yet. */
int hf_relay_promise_load(const char *path, struct hf_relay_promise *promise,
                          struct hf_error *error);
int hf_relay_promise_store(const char *path, const struct hf_relay_promise *promise,
                           struct hf_error *error);

/* switch.c */
/* Ends it, as failed, if one is under way. */
void hf_relay_move_abort(struct hf_relay_device *device, int error, const char *why);
/* A message of the VMM's waits: half of the time that it may wait is left for what it asks. */
void hf_relay_move_hurry(struct hf_relay_device *device);
/* One step; true if something was done. */
bool hf_relay_move_pump(struct hf_relay_device *device);
/* What a side reports. */
void hf_relay_move_report(struct hf_relay_side *side, const struct hf_report *report,
                          const char *text);

/* hang.c: --hang-after, --wait */
void hf_relay_hang_init(struct hf_relay_device *device);
void hf_relay_hang_done(struct hf_relay_device *device);

/* status.c */
void hf_relay_status_init(struct hf_relay_device *device);
/* The pump has come to rest: is there news? */
void hf_relay_status_update(struct hf_relay_device *device);
/* Nobody misses the back-end any more, or another one is there: what was counted till now counts.
 */
void hf_relay_status_over(struct hf_relay_device *device);
void hf_relay_status_report(struct hf_relay_device *device, const struct hf_report *report,
                            const char *text);

#endif
