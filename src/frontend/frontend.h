/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user front-end for any device type: carries out the effects of the front core
 * (session/front.h) on real sockets, processes and memory. Knows vhost, no SCSI, no virtio status.
 * One thread owns it. Its calls only note what is wanted; everything happens in
 * hf_frontend_dispatch, and so do all callbacks, which may call it back, except hf_frontend_done.
 */
#ifndef HF_FRONTEND_FRONTEND_H
#define HF_FRONTEND_FRONTEND_H

#include "holdfast/fence.h"

#include "base/error.h"
#include "base/text.h"
#include "frontend/channel.h"
#include "os/loop.h"
#include "os/path_watch.h"
#include "session/front.h"

struct hf_frontend_ops {
    void *host;
    /* Something happened; `text` is a whole sentence. Never NULL. */
    void (*report)(void *host, const struct hf_report *report, const char *text);
    /* Answer to hf_frontend_ask: error 0 and the reply, or an errno and NULL. */
    void (*answer)(void *host, uint32_t number, int error, const struct hf_message *reply);
    /* avail->idx and used->idx of a queue, read from guest memory; false: cannot be read. */
    bool (*indices)(void *host, uint16_t queue, uint16_t *avail, uint16_t *used);
    /* Optional: one line a message. */
    void (*trace)(void *host, const char *line);
    /* Optional: the plan may have changed, and nothing was acted on yet. May call nothing here. */
    void (*stepped)(void *host);
};

/* The back-end whose rings must come to rest, and what it is waited for. */
struct hf_fencing {
    bool owed;
    int pidfd; /* -1: nothing to wait for */
    int pid;
    struct hf_watch watch;
    struct hf_timer patience; /* when it is over, it is said whom we wait for */
    uint64_t behind_ns;       /* since when for a back-end behind it; 0: not */
    uint64_t tell_ns;         /* when that is to be said */
    int command_pidfd;        /* of the fence command under way, or -1 */
    struct hf_watch command_watch;
    struct hf_watch left_watch; /* a command that nobody waits for any more, to be reaped */
};

/* Where the rings came to rest. */
struct hf_settlement {
    struct hf_settled settled; /* points to the arrays below */
    uint16_t bases[HF_QUEUE_COUNT_MAX];
    uint16_t in_flights[HF_QUEUE_COUNT_MAX];
};

#define HF_FRONTEND_EVENTS_MAX 16u
#define HF_FRONTEND_PATHS_MAX  8u

struct hf_frontend {
    struct hf_loop loop;
    struct hf_front front;
    struct hf_channel channel;
    struct hf_channel_ops channel_ops;
    struct hf_fencing fencing;
    int parting_pidfd; /* of the back-end just hung up on, for the fence */
    int parting_pid;
    enum hf_process_result parting_found; /* why parting_pidfd is -1 */
    int writer_pidfd;    /* of the process that may still write the in-flight region, or negative */
    bool writer_unknown; /* there is one, and no descriptor was left to watch it */
    struct hf_path_watch path_watches[HF_FRONTEND_PATHS_MAX];
    struct hf_timer deadline;
    struct hf_timer wish; /* makes the loop readable when something was asked for outside of it */
    const struct hf_frontend_ops *ops;
    enum hf_fence fence;
    const char *fence_command; /* HF_FENCE_COMMAND: the host's */
    int given_fd;              /* a connected socket for the first dial; -1: none (any more) */
    unsigned path_known;       /* all of them */
    unsigned path_count;       /* those of them to be dialled; 0: nobody */
    unsigned path_at;          /* dialled last */
    unsigned path_first; /* to be dialled first: the preferred, or the one behind that failed */
    char paths[HF_FRONTEND_PATHS_MAX][HF_STREAM_PATH_SIZE];

    bool wanted;   /* a back-end is wanted: level, not event */
    bool unwanted; /* the host said so since: whatever there is ends, who gave up is down */
    bool changed;  /* the plan was changed */
    bool cut;      /* the present session shall end */
    struct hf_asked asked;
    uint32_t last_asked;

    bool stepping;
    unsigned event_head;
    unsigned event_count;
    struct hf_event events[HF_FRONTEND_EVENTS_MAX];
    struct hf_effects effects;
    struct hf_settlement settlement; /* outlives its event */
    uint16_t used_at_start[HF_QUEUE_COUNT_MAX];
    uint64_t begun_region; /* generation of the in-flight region that was prepared last */
    uint64_t session_count;
};

struct hf_frontend_config {
    const char *socket_path; /* may be NULL where a socket is given */
    /* Others, dialled in this order where nobody answers at those before; NULL behind the last.
     * NULL: none. */
    const char *const *more_paths;
    bool first_only; /* the others are in reserve until hf_frontend_dial_all */
    int socket_fd;   /* -1, or a connected socket: *taken* if hf_frontend_init succeeds */
    /* Where sockets are watched for; NULL: in a loop of its own. A process with many front-ends has
     * one for all: epoll sets that lie in one another may have only so many ways to one inotify
     * descriptor (epoll_ctl(2), ELOOP; in practice 50). Dispatched by the thread that owns this. */
    struct hf_loop *path_loop;
    uint16_t queue_count;
    uint64_t protocol_wanted; /* protocol features to use where they are offered */
    enum hf_fence fence;
    /* HF_FENCE_COMMAND: run by sh with HOLDFAST_PID (0: unknown) and HOLDFAST_SOCKET set; must
     * outlive the front-end. */
    const char *fence_command;
    struct hf_front_settings settings;
};

/* `ops` is borrowed until hf_frontend_done. -errno with a sentence; nothing to undo then. */
int hf_frontend_init(struct hf_frontend *frontend, const struct hf_frontend_config *config,
                     const struct hf_frontend_ops *ops, struct hf_error *error);
/* Hangs up and closes everything, the plan's descriptors too. Never blocks. */
void hf_frontend_done(struct hf_frontend *frontend);

int hf_frontend_fd(const struct hf_frontend *frontend);
/* Dialled last, or first of all; "" where there is none. */
const char *hf_frontend_path(const struct hf_frontend *frontend);
void hf_frontend_dispatch(struct hf_frontend *frontend);

/* From the next dial on, more_paths too. */
void hf_frontend_dial_all(struct hf_frontend *frontend);
/* Whether a back-end is wanted at all. */
void hf_frontend_want(struct hf_frontend *frontend, bool wanted);
/* The plan, to be changed with its setters; then call hf_frontend_changed. Descriptors handed to
 * setters must be duplicates; close what they return. */
struct hf_plan *hf_frontend_plan(struct hf_frontend *frontend);
void hf_frontend_changed(struct hf_frontend *frontend);
/* Does at once what is wanted and changed, as the next dispatch would. In a callback: nothing. */
void hf_frontend_flush(struct hf_frontend *frontend);
/* The back-end was told all of the plan, and confirmed it. */
bool hf_frontend_is_settled(struct hf_frontend *frontend);
/* There is a region with the requests in flight, or the back-end may give one when rings start. */
bool hf_frontend_tracks_inflight(const struct hf_frontend *frontend);
/* Why the fence has no hold on the process of the present or the last back-end, or NULL. Its rings
 * start again unfenced, unless its units are fenced by itself. */
const char *hf_frontend_unfenced(const struct hf_frontend *frontend);
/* Adds whom the rings wait for at present; nothing where they wait for nobody. */
void hf_frontend_describe_fence(const struct hf_frontend *frontend, struct hf_text *text);
/* Ends the session, if there is one, as if it had been lost. */
void hf_frontend_cut(struct hf_frontend *frontend);
/* Asks a numbered request (GET_CONFIG, RESET_DEVICE). Returns its number (the answer comes in a
 * dispatch), or -EBUSY: one at a time. */
int64_t hf_frontend_ask(struct hf_frontend *frontend, const struct hf_asked *asked);

#endif
