/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The front core: decides, in answer to one event at a time, what the edge must do. It makes no
 * system call, reads no clock, allocates nothing and keeps no globals: time comes in with the
 * event, descriptors are numbers it never closes, effects go out in a fixed list. The edge
 * (frontend/, or a test) carries them out in order and feeds what comes of them back as events,
 * through a queue, so that nothing re-enters.
 */
#ifndef HF_SESSION_FRONT_H
#define HF_SESSION_FRONT_H

#include "session/fault.h"
#include "session/phase.h"
#include "session/plan.h"
#include "session/script.h"

#include <stdbool.h>
#include <stdint.h>

struct hf_front_settings {
    uint64_t dial_timeout_ns;  /* from dial to an open socket */
    uint64_t reply_timeout_ns; /* of each answer; 0 = no limit */
    uint64_t stop_timeout_ns;  /* of GET_VRING_BASE; 0 = no limit */
    uint64_t backoff_first_ns; /* 1 ms */
    uint64_t backoff_last_ns;  /* 250 ms */
    uint64_t backoff_slow_ns;  /* when a request kills back-ends */
    uint64_t backoff_reset_ns; /* a session this long with progress makes the next wait short */
    uint64_t outage_limit_ns;  /* 0 = never give up */
    uint32_t first_tries;      /* of a START until the first CONNECTED; 0 = no limit */
};
#define HF_FRONT_SETTINGS_DEFAULT                                                                  \
    {                                                                                              \
        .dial_timeout_ns = 5000000000u, .reply_timeout_ns = 10000000000u,                          \
        .stop_timeout_ns = 60000000000u, .backoff_first_ns = 1000000u,                             \
        .backoff_last_ns = 250000000u, .backoff_slow_ns = 2000000000u,                             \
        .backoff_reset_ns = 1000000000u, .outage_limit_ns = 0,                                     \
    }
extern const struct hf_front_settings hf_front_settings_default;

enum hf_event_kind {
    HF_EVENT_START,       /* a back-end is wanted (leaves DOWN and FAILED) */
    HF_EVENT_STOP,        /* no back-end is wanted any more: hang up, whatever is under way */
    HF_EVENT_CHANGED,     /* the plan was changed by its setters */
    HF_EVENT_ASK,         /* .asked: a numbered request; answered by HF_EFFECT_ANSWER, always */
    HF_EVENT_DIALED,      /* .dial: the socket is open */
    HF_EVENT_DIAL_FAILED, /* .dial, .error (errno); .fault if it is another than REFUSED_DIAL */
    HF_EVENT_APPEARED,    /* the back-end's socket file may have appeared: dial now */
    HF_EVENT_SENT,        /* .dial: the message of the last SEND left completely */
    HF_EVENT_MESSAGE,     /* .dial, .message: a whole reply arrived */
    HF_EVENT_HANGUP,      /* .dial, .fault: the edge found the socket unusable, or what came
                             over it (HANGUP, MALFORMED, LOCAL, INFLIGHT_INVALID), or the
                             host would not go on with it (CUT) */
    HF_EVENT_SETTLED,     /* .settled: answer to HF_EFFECT_SETTLE */
    HF_EVENT_CONVERTED,   /* .dial, .offer (takes its descriptor), .why or NULL: answer to
                             HF_EFFECT_CONVERT */
    HF_EVENT_TIMER,       /* the armed deadline passed (early or stray ones do no harm) */
    HF_EVENT_COUNT
};

/* What the edge found when the rings were surely at rest. */
struct hf_settled {
    const uint16_t *bases;      /* plan.queue_count of them; used for rings that ran */
    const uint16_t *in_flights; /* the same of requests in flight; NULL: none */
    bool clean;         /* every answered base equalled used->idx, nothing marked in flight */
    bool progressed;    /* a used index moved since the rings were started */
    uint32_t in_flight; /* requests the dead back-end had not answered */
    bool has_oldest;    /* the next three are valid */
    uint16_t oldest_queue;
    uint16_t oldest_head;
    uint64_t oldest_counter;
    const char *note; /* what is wrong with the in-flight region, or NULL */
};

struct hf_event {
    enum hf_event_kind kind;
    uint64_t now_ns;
    uint32_t dial; /* events of an older socket are dropped by it */
    int error;
    enum hf_fault fault;
    const char *why; /* of DIAL_FAILED and HANGUP, in the system's words; may be NULL */
    struct hf_inflight_plan offer;
    struct hf_settled settled;
    struct hf_asked asked;
    const struct hf_message *message;
};

enum hf_effect_kind {
    HF_EFFECT_DIAL,     /* .dial: open a socket to the back-end; close any other first */
    HF_EFFECT_SEND,     /* effects.message, on the present socket; borrowed descriptors */
    HF_EFFECT_HANG_UP,  /* close the socket (or stop connecting); no HANGUP event follows */
    HF_EFFECT_ARM,      /* .deadline_ns: feed TIMER then; replaces the one armed before; 0 = none */
    HF_EFFECT_SETTLE,   /* make sure the rings are at rest (.fence: the back-end may still live:
                           wait until its process is gone, or is the one we talk to again), then
                           feed SETTLED. Asked once; a newer one replaces it. */
    HF_EFFECT_CONVERT,  /* copy the plan's in-flight region into effects.offer (takes its
                           descriptor), then feed CONVERTED, always; the plan's is not changed */
    HF_EFFECT_KICK_ALL, /* write every kick descriptor of a started ring once */
    HF_EFFECT_CALL_ALL, /* write every call descriptor of a started ring once */
    HF_EFFECT_CLOSE,    /* .fd: nothing refers to it any more */
    HF_EFFECT_ANSWER,   /* .number, .error (0 or errno), effects.answer where it succeeded */
    HF_EFFECT_REPORT,   /* .report and effects.detail: tell the host */
    HF_EFFECT_COUNT
};

enum hf_report_kind {
    HF_REPORT_CONNECTED, /* handshake done: session.offered and the rest are valid */
    HF_REPORT_STARTED,   /* all rings run; .recovered if they ran under an earlier back-end;
                            .gap_ns since the loss, .in_flight at the loss */
    HF_REPORT_STOPPED,   /* all rings stopped and settled; .clean or after a crash */
    HF_REPORT_LOST,      /* the session ended with .fault; detail says more */
    HF_REPORT_REFUSED,   /* the session ended because the back-end may not serve us; detail: why */
    HF_REPORT_REQUEST_KILLS, /* the same oldest request was in flight at three short sessions:
                                .queue, .head */
    HF_REPORT_FAILED,        /* gave up: .fault; START leaves this state */
    HF_REPORT_FENCE,         /* the edge's own: whom the rings wait for, or why for nobody */
    HF_REPORT_COUNT
};

/* What a session was at when it ended. */
enum hf_stage {
    HF_STAGE_DIAL,
    HF_STAGE_HANDSHAKE,
    HF_STAGE_IDLE,         /* connected, no ring wanted */
    HF_STAGE_FORMAT,       /* a start: features, which the in-flight region's layout depends on */
    HF_STAGE_GET_INFLIGHT, /* a start: asking for a region */
    HF_STAGE_SET_INFLIGHT, /* a start: handing it over */
    HF_STAGE_START,        /* the rest of a start: memory, rings */
    HF_STAGE_RUN,
    HF_STAGE_STOP,
    HF_STAGE_COUNT
};

struct hf_report {
    enum hf_report_kind kind;
    enum hf_fault fault;
    enum hf_stage stage; /* LOST, REFUSED, FAILED */
    bool counted;        /* LOST, REFUSED: one of the first_tries */
    bool last;           /* LOST, REFUSED: FAILED follows */
    bool recovered;
    bool clean;
    uint64_t gap_ns;
    uint32_t in_flight;
    uint16_t queue;
    uint16_t head;
};

struct hf_effect {
    enum hf_effect_kind kind;
    bool fence;
    int fd;
    int error;
    uint32_t dial;
    uint32_t number;
    uint64_t deadline_ns;
    struct hf_report report;
};

#define HF_EFFECTS_MAX 20u
/* So many short sessions in a row with the same oldest request in flight: it kills back-ends. */
#define HF_STRIKES_MAX 3u
struct hf_effects {
    unsigned count;
    struct hf_effect list[HF_EFFECTS_MAX];
    struct hf_message message;     /* of the one SEND */
    struct hf_message answer;      /* of the one ANSWER */
    struct hf_inflight_plan offer; /* of the one CONVERT */
    char detail[HF_FAULT_DETAIL_SIZE];
};

struct hf_front {
    struct hf_front_settings settings;
    enum hf_phase phase;
    struct hf_plan plan;
    struct hf_session session;
    struct hf_asked asked;
    uint32_t last_dial;
    bool sending; /* a SEND has not been answered by SENT */

    bool lost;           /* the rings did not stop by GET_VRING_BASE: recovery is under way */
    bool lost_early;     /* that session did not run for backoff_reset_ns */
    uint64_t lost_epoch; /* of the plan, then: a guest that was reset knows nothing of it */
    bool refused;        /* the last session ended by a refusal: another back-end must come first */
    uint64_t lost_ns;
    uint32_t lost_in_flight;
    uint32_t tries_left;    /* until the first CONNECTED; 0 = no limit */
    uint64_t away_since_ns; /* the device has not been served since; 0 = it is */
    bool refusal_reported;  /* nobody listened at the start; later refusals follow a loss */

    uint64_t started_ns; /* when RUNNING was reached in this session */
    uint64_t backoff_ns; /* the next wait */
    uint64_t redial_ns;  /* end of the present one */
    uint64_t dial_deadline_ns;
    uint64_t send_deadline_ns;
    uint64_t armed_ns;

    uint64_t suspect_counter; /* request that was the oldest in flight when short sessions died */
    uint16_t suspect_queue;
    uint16_t suspect_head;
    uint8_t suspect_strikes;
};

void hf_front_init(struct hf_front *front, const struct hf_front_settings *settings,
                   uint16_t queue_count);
/* A fresh one goes on with the plan of one that is gone, whose rings ran or left requests in
 * flight: as after the loss of a back-end. They are settled behind the next START. */
void hf_front_resume(struct hf_front *front, const struct hf_plan *plan, uint64_t now_ns);
/* This one takes over the other's plan, and with it what the other lost and is to be recovered. */
void hf_front_inherit(struct hf_front *front, const struct hf_front *from);
/* One event in, effects out (the list is emptied first). */
void hf_front_step(struct hf_front *front, const struct hf_event *event,
                   struct hf_effects *effects);
/* The rings were cut off, and their requests are still to be recovered. */
bool hf_front_recovers(const struct hf_front *front);
/* Connected, and the back-end was told all of the plan, and confirmed it. */
bool hf_front_is_settled(struct hf_front *front);
/* Stops the program if something that must always hold does not. Tests and debug builds call it
 * after every step. */
void hf_front_check(const struct hf_front *front);

#endif
