/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * THE table: every request of the vhost-user protocol, on both channels, with its body, its
 * descriptors, its reply, the feature that allows it (vhost-user "Front-end message types",
 * "Back-end message types"), and what the relay does with it. Everything else that knows a message
 * asks here; the document of what is supported is made from it. Knows no state: what is negotiated
 * comes in as a parameter.
 */
#ifndef HF_WIRE_REQUEST_H
#define HF_WIRE_REQUEST_H

#include "wire/feature.h"
#include "wire/payload.h"

/* Front-end to back-end, on the main socket. */
enum hf_request {
    HF_REQUEST_GET_FEATURES = 1,
    HF_REQUEST_SET_FEATURES = 2,
    HF_REQUEST_SET_OWNER = 3,
    HF_REQUEST_RESET_OWNER = 4,
    HF_REQUEST_SET_MEM_TABLE = 5,
    HF_REQUEST_SET_LOG_BASE = 6,
    HF_REQUEST_SET_LOG_FD = 7,
    HF_REQUEST_SET_VRING_NUM = 8,
    HF_REQUEST_SET_VRING_ADDR = 9,
    HF_REQUEST_SET_VRING_BASE = 10,
    HF_REQUEST_GET_VRING_BASE = 11,
    HF_REQUEST_SET_VRING_KICK = 12,
    HF_REQUEST_SET_VRING_CALL = 13,
    HF_REQUEST_SET_VRING_ERR = 14,
    HF_REQUEST_GET_PROTOCOL_FEATURES = 15,
    HF_REQUEST_SET_PROTOCOL_FEATURES = 16,
    HF_REQUEST_GET_QUEUE_NUM = 17,
    HF_REQUEST_SET_VRING_ENABLE = 18,
    HF_REQUEST_SEND_RARP = 19,
    HF_REQUEST_NET_SET_MTU = 20,
    HF_REQUEST_SET_BACKEND_REQ_FD = 21,
    HF_REQUEST_IOTLB_MSG = 22,
    HF_REQUEST_SET_VRING_ENDIAN = 23,
    HF_REQUEST_GET_CONFIG = 24,
    HF_REQUEST_SET_CONFIG = 25,
    HF_REQUEST_CREATE_CRYPTO_SESSION = 26,
    HF_REQUEST_CLOSE_CRYPTO_SESSION = 27,
    HF_REQUEST_POSTCOPY_ADVISE = 28,
    HF_REQUEST_POSTCOPY_LISTEN = 29,
    HF_REQUEST_POSTCOPY_END = 30,
    HF_REQUEST_GET_INFLIGHT_FD = 31,
    HF_REQUEST_SET_INFLIGHT_FD = 32,
    HF_REQUEST_GPU_SET_SOCKET = 33,
    HF_REQUEST_RESET_DEVICE = 34,
    HF_REQUEST_VRING_KICK = 35,
    HF_REQUEST_GET_MAX_MEM_SLOTS = 36,
    HF_REQUEST_ADD_MEM_REG = 37,
    HF_REQUEST_REM_MEM_REG = 38,
    HF_REQUEST_SET_STATUS = 39,
    HF_REQUEST_GET_STATUS = 40,
    HF_REQUEST_GET_SHARED_OBJECT = 41,
    HF_REQUEST_SET_DEVICE_STATE_FD = 42,
    HF_REQUEST_CHECK_DEVICE_STATE = 43,
    HF_REQUEST_GET_SHMEM_CONFIG = 44,
    HF_REQUEST_COUNT
};

/* Back-end to front-end, on the socket of SET_BACKEND_REQ_FD. */
enum hf_backend_request {
    HF_BACKEND_REQUEST_IOTLB_MSG = 1,
    HF_BACKEND_REQUEST_CONFIG_CHANGE_MSG = 2,
    HF_BACKEND_REQUEST_VRING_HOST_NOTIFIER_MSG = 3,
    HF_BACKEND_REQUEST_VRING_CALL = 4,
    HF_BACKEND_REQUEST_VRING_ERR = 5,
    HF_BACKEND_REQUEST_SHARED_OBJECT_ADD = 6,
    HF_BACKEND_REQUEST_SHARED_OBJECT_REMOVE = 7,
    HF_BACKEND_REQUEST_SHARED_OBJECT_LOOKUP = 8,
    HF_BACKEND_REQUEST_SHMEM_MAP = 9,
    HF_BACKEND_REQUEST_SHMEM_UNMAP = 10,
    HF_BACKEND_REQUEST_COUNT
};

/* The four streams of messages: two channels, two directions each. */
enum hf_stream {
    HF_STREAM_REQUESTS,         /* main socket, front-end to back-end */
    HF_STREAM_REPLIES,          /* main socket, back-end to front-end */
    HF_STREAM_BACKEND_REQUESTS, /* back-end channel, back-end to front-end */
    HF_STREAM_BACKEND_REPLIES,  /* back-end channel, front-end to back-end */
    HF_STREAM_COUNT
};

/* How many descriptors come with a message. */
enum hf_fds {
    HF_FDS_NONE,
    HF_FDS_ONE,
    HF_FDS_OPTIONAL,    /* 0 or 1 */
    HF_FDS_UNLESS_BIT8, /* 1, or 0 if HF_WIRE_NO_FD is set in the first u64 of the body */
    HF_FDS_PER_REGION,  /* as many as the table has regions */
    HF_FDS_IF_SIZED,    /* 1, or 0 if the in-flight region offered has size 0 (refusal) */
    HF_FDS_IF_SUCCESS,  /* 1 if the u64 is 0; none with an error or with HF_WIRE_NO_FD */
    HF_FDS_ANY,         /* with a request that nobody knows */
    HF_FDS_COUNT
};

/* When the receiver answers. Whatever else: a request with a body of its own to answer with is
 * never answered twice. */
enum hf_reply {
    HF_REPLY_ACK,       /* a u64 (0 = ok) if REPLY_ACK is negotiated and need_reply is set */
    HF_REPLY_OWN,       /* always */
    HF_REPLY_LOG_SHMFD, /* always if LOG_SHMFD is negotiated; otherwise like ACK */
    HF_REPLY_POSTCOPY,  /* always while in postcopy (regions); otherwise like ACK */
    HF_REPLY_COUNT
};

/* What the relay does with a request, of a VMM or of a back-end. */
enum hf_relay_rule {
    HF_RELAY_RULE_REFUSED,
    HF_RELAY_RULE_ANSWERED,  /* by itself: the other side never hears of it */
    HF_RELAY_RULE_RECORDED,  /* it becomes part of what every back-end is told, now and later */
    HF_RELAY_RULE_FORWARDED, /* the other side gets the same request, once */
    HF_RELAY_RULE_COUNT
};

/* What one message, in one direction, looks like. */
struct hf_shape {
    enum hf_payload payload; /* the body we send, and the first tried on receipt */
    enum hf_fds fds;
    uint32_t also; /* HF_BIT(kind) of other bodies seen from real peers, told apart by size */
};

#define HF_GATE_NONE (-1)

struct hf_request_info {
    const char *name; /* without the VHOST_USER_ prefix */
    enum hf_relay_rule relay;
    struct hf_shape request;
    enum hf_reply reply;
    struct hf_shape answer;
    int8_t gate;         /* bit of enum hf_protocol_feature, or HF_GATE_NONE */
    int8_t feature_gate; /* bit of enum hf_feature, or HF_GATE_NONE */
};

/* NULL when the number is unknown. */
const struct hf_request_info *hf_request_info(uint32_t request);
const struct hf_request_info *hf_backend_request_info(uint32_t request);

/* The row that a message on this stream belongs to; NULL when unknown. */
const struct hf_request_info *hf_stream_info(enum hf_stream stream, uint32_t request);
/* The half of it. Never NULL: an unknown request may have any body and any descriptors, and the
 * answer to it is an acknowledgement, so that who asks for one can be refused. */
const struct hf_shape *hf_stream_shape(enum hf_stream stream, uint32_t request);
bool hf_stream_is_replies(enum hf_stream stream);

/* "GET_FEATURES"; "unknown" when it is. */
const char *hf_request_name(uint32_t request);
const char *hf_backend_request_name(uint32_t request);

/* For the document of what is supported. */
const char *hf_fds_text(enum hf_fds fds);
const char *hf_reply_text(enum hf_reply reply);
const char *hf_relay_rule_text(enum hf_relay_rule rule);

/* True if the features allow this request. Bit 30 for GET/SET_PROTOCOL_FEATURES must only have
 * been offered, all others acknowledged: the caller passes what applies. */
bool hf_request_allowed(const struct hf_request_info *info, uint64_t features,
                        uint64_t protocol_features);

/* True if the receiver of the request must answer it (outside postcopy). NULL: an unknown one, that
 * is if it asks. */
bool hf_request_is_answered(const struct hf_request_info *info, bool need_reply,
                            uint64_t protocol_features);

#endif
