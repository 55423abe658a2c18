/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection to a peer: messages out, messages in, and who is at the other end. Knows no
 * order of messages. Never blocks.
 */
#ifndef HF_FRONTEND_CHANNEL_H
#define HF_FRONTEND_CHANNEL_H

#include "base/error.h"
#include "os/loop.h"
#include "os/process.h"
#include "session/fault.h"
#include "wire/framer.h"
#include "wire/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hf_channel_mode {
    HF_CHANNEL_READS,
    HF_CHANNEL_AWAITS, /* reads nothing; once there is something, ops->waiting, and it rests */
    HF_CHANNEL_RESTS   /* reads nothing */
};

struct hf_channel_ops {
    void *host;
    void (*sent)(void *host); /* the message left completely */
    void (*received)(void *host, const struct hf_message *message); /* takes its descriptors */
    void (*waiting)(void *host); /* NULL: nobody awaits anything */
    /* HANGUP, MALFORMED or LOCAL; `why` lives for ever. */
    void (*broken)(void *host, enum hf_fault fault, const char *why);
};

struct hf_channel_out {
    uint8_t bytes[HF_MESSAGE_ENCODED_MAX];
    size_t length;
    size_t at;
    int fds[HF_MESSAGE_FDS_MAX]; /* duplicates, until the first byte left */
    unsigned fd_count;
};

struct hf_channel {
    struct hf_watch watch;
    struct hf_loop *loop;
    const struct hf_channel_ops *ops;
    enum hf_stream stream;
    enum hf_channel_mode mode;
    int fd;                       /* -1: closed */
    int pidfd;                    /* of the peer, -1: unknown */
    int pid;                      /* of the peer, 0: unknown */
    enum hf_process_result found; /* why pidfd is -1; of the last peer where there is none */
    struct hf_framer framer;
    struct hf_channel_out out;
};

/* `stream`: what the peer sends. */
void hf_channel_init(struct hf_channel *channel, enum hf_stream stream, struct hf_loop *loop,
                     const struct hf_channel_ops *ops);
/* Connects, and takes hold of the peer's process. -errno with a sentence; see hf_stream_connect. */
int hf_channel_open(struct hf_channel *channel, const char *path, struct hf_error *error);
/* The same with a connected socket, *taken* in any case. */
int hf_channel_adopt(struct hf_channel *channel, int fd, struct hf_error *error);
/* Harmless when closed. The peer's pidfd is closed too unless it was taken. */
void hf_channel_close(struct hf_channel *channel);
bool hf_channel_is_open(const struct hf_channel *channel);
/* Sends one message; ops->sent or ops->broken tells how it went, maybe before this returns. The
 * message's descriptors are borrowed. One at a time. */
void hf_channel_send(struct hf_channel *channel, const struct hf_message *message);
/* The end of the peer is told at once in any mode. */
void hf_channel_set_mode(struct hf_channel *channel, enum hf_channel_mode mode);
/* True while a message is on its way out. */
bool hf_channel_is_sending(const struct hf_channel *channel);
/* Gives the peer's pidfd away (-1: there is none). */
int hf_channel_take_pidfd(struct hf_channel *channel);

#endif
