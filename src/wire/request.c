/* SPDX-License-Identifier: BSD-3-Clause */
/* The two tables and what can be read from them (vhost-user "Front-end message types", "Back-end
 * message types", "Protocol features"). */
#include "wire/request.h"

/* A body without descriptors; with some; with other bodies that real peers send in its place. */
#define BODY_OR(kind, rule, others)                                                                \
    {                                                                                              \
        HF_PAYLOAD_##kind, HF_FDS_##rule, others                                                   \
    }
#define BODY_FDS(kind, rule) BODY_OR(kind, rule, 0)
#define BODY(kind)           BODY_OR(kind, NONE, 0)
#define KIND(kind)           HF_BIT(HF_PAYLOAD_##kind)

/* When it is answered, and with what. */
#define ACKED             HF_REPLY_ACK, BODY(U64)
#define REPLY(body)       HF_REPLY_OWN, body
#define IN_POSTCOPY(kind) HF_REPLY_POSTCOPY, BODY_OR(U64, NONE, KIND(kind))
#define WITH_LOG_SHMFD    HF_REPLY_LOG_SHMFD, BODY_OR(U64, NONE, KIND(NONE) | KIND(LOG))

/* What must be negotiated: nothing, a protocol feature, a virtio feature. */
#define OPEN               HF_GATE_NONE, HF_GATE_NONE
#define GATE(name)         HF_PROTOCOL_FEATURE_##name, HF_GATE_NONE
#define FEATURE_GATE(name) HF_GATE_NONE, HF_FEATURE_##name

/* A row: its name, the relay's rule, body, reply, gate. */
#define REQUEST(name, rule, ...) [HF_REQUEST_##name] = { #name, HF_RELAY_RULE_##rule, __VA_ARGS__ }
#define BACKEND(name, rule, ...)                                                                   \
    [HF_BACKEND_REQUEST_##name] = { #name, HF_RELAY_RULE_##rule, __VA_ARGS__ }

/* SET_LOG_BASE: 8 bytes and no descriptor before LOG_SHMFD; answered with 0 bytes (DPDK), 8
 * (libvhost-user) or 16 (rust-vmm). GET_CONFIG: an empty answer refuses. GET_VRING_BASE: whether it
 * drains or records is said by GET_VRING_BASE_INFLIGHT. */
static const struct hf_request_info requests[HF_REQUEST_COUNT] = {
    REQUEST(GET_FEATURES, ANSWERED, BODY(NONE), REPLY(BODY(U64)), OPEN),
    REQUEST(SET_FEATURES, RECORDED, BODY(U64), ACKED, OPEN),
    REQUEST(SET_OWNER, ANSWERED, BODY(NONE), ACKED, OPEN),
    REQUEST(RESET_OWNER, ANSWERED, BODY(NONE), ACKED, OPEN),
    REQUEST(SET_MEM_TABLE, RECORDED, BODY_FDS(MEM_TABLE, PER_REGION), IN_POSTCOPY(MEM_TABLE), OPEN),
    REQUEST(SET_LOG_BASE, RECORDED, BODY_OR(LOG, OPTIONAL, KIND(U64)), WITH_LOG_SHMFD, OPEN),
    REQUEST(SET_LOG_FD, ANSWERED, BODY_FDS(NONE, ONE), ACKED, OPEN),
    REQUEST(SET_VRING_NUM, RECORDED, BODY(VRING_STATE), ACKED, OPEN),
    REQUEST(SET_VRING_ADDR, RECORDED, BODY(VRING_ADDR), ACKED, OPEN),
    REQUEST(SET_VRING_BASE, RECORDED, BODY(VRING_STATE), ACKED, OPEN),
    REQUEST(GET_VRING_BASE, RECORDED, BODY(VRING_STATE), REPLY(BODY(VRING_STATE)), OPEN),
    REQUEST(SET_VRING_KICK, RECORDED, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(SET_VRING_CALL, RECORDED, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(SET_VRING_ERR, RECORDED, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(GET_PROTOCOL_FEATURES, ANSWERED, BODY(NONE), REPLY(BODY(U64)),
            FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(SET_PROTOCOL_FEATURES, ANSWERED, BODY(U64), ACKED, FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(GET_QUEUE_NUM, ANSWERED, BODY(NONE), REPLY(BODY(U64)), GATE(MQ)),
    REQUEST(SET_VRING_ENABLE, RECORDED, BODY(VRING_STATE), ACKED, FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(SEND_RARP, REFUSED, BODY(U64), ACKED, GATE(RARP)),
    REQUEST(NET_SET_MTU, REFUSED, BODY(U64), ACKED, GATE(MTU)),
    REQUEST(SET_BACKEND_REQ_FD, RECORDED, BODY_FDS(NONE, ONE), ACKED, GATE(BACKEND_REQ)),
    REQUEST(IOTLB_MSG, REFUSED, BODY(IOTLB), REPLY(BODY(U64)), FEATURE_GATE(IOMMU_PLATFORM)),
    REQUEST(SET_VRING_ENDIAN, REFUSED, BODY(VRING_STATE), ACKED, GATE(CROSS_ENDIAN)),
    REQUEST(GET_CONFIG, FORWARDED, BODY(CONFIG), REPLY(BODY_OR(CONFIG, NONE, KIND(NONE))),
            GATE(CONFIG)),
    REQUEST(SET_CONFIG, FORWARDED, BODY(CONFIG), ACKED, GATE(CONFIG)),
    REQUEST(CREATE_CRYPTO_SESSION, REFUSED, BODY(OPAQUE), REPLY(BODY(OPAQUE)),
            GATE(CRYPTO_SESSION)),
    REQUEST(CLOSE_CRYPTO_SESSION, REFUSED, BODY(U64), ACKED, GATE(CRYPTO_SESSION)),
    REQUEST(POSTCOPY_ADVISE, REFUSED, BODY(NONE), REPLY(BODY_FDS(NONE, ONE)), GATE(PAGEFAULT)),
    REQUEST(POSTCOPY_LISTEN, REFUSED, BODY(NONE), ACKED, GATE(PAGEFAULT)),
    REQUEST(POSTCOPY_END, REFUSED, BODY(NONE), REPLY(BODY(U64)), GATE(PAGEFAULT)),
    REQUEST(GET_INFLIGHT_FD, ANSWERED, BODY(INFLIGHT), REPLY(BODY_FDS(INFLIGHT, IF_SIZED)),
            GATE(INFLIGHT_SHMFD)),
    REQUEST(SET_INFLIGHT_FD, RECORDED, BODY_FDS(INFLIGHT, ONE), ACKED, GATE(INFLIGHT_SHMFD)),
    REQUEST(GPU_SET_SOCKET, REFUSED, BODY_FDS(NONE, ONE), ACKED, OPEN),
    REQUEST(RESET_DEVICE, FORWARDED, BODY(NONE), ACKED, GATE(RESET_DEVICE)),
    REQUEST(VRING_KICK, REFUSED, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    REQUEST(GET_MAX_MEM_SLOTS, ANSWERED, BODY(NONE), REPLY(BODY(U64)), GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(ADD_MEM_REG, RECORDED, BODY_FDS(MEM_REGION, ONE), IN_POSTCOPY(MEM_REGION),
            GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(REM_MEM_REG, RECORDED, BODY_FDS(MEM_REGION, OPTIONAL), ACKED,
            GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(SET_STATUS, REFUSED, BODY(U64), ACKED, GATE(STATUS)),
    REQUEST(GET_STATUS, REFUSED, BODY(NONE), REPLY(BODY(U64)), GATE(STATUS)),
    REQUEST(GET_SHARED_OBJECT, REFUSED, BODY(UUID), REPLY(BODY_FDS(OPAQUE, OPTIONAL)),
            GATE(SHARED_OBJECT)),
    REQUEST(SET_DEVICE_STATE_FD, REFUSED, BODY_FDS(DEVICE_STATE, ONE),
            REPLY(BODY_FDS(U64, IF_SUCCESS)), GATE(DEVICE_STATE)),
    REQUEST(CHECK_DEVICE_STATE, REFUSED, BODY(NONE), REPLY(BODY(U64)), GATE(DEVICE_STATE)),
    REQUEST(GET_SHMEM_CONFIG, REFUSED, BODY(NONE), REPLY(BODY(OPAQUE)), GATE(SHMEM_MAP)),
};

static const struct hf_request_info backend_requests[HF_BACKEND_REQUEST_COUNT] = {
    BACKEND(IOTLB_MSG, REFUSED, BODY(IOTLB), ACKED, FEATURE_GATE(IOMMU_PLATFORM)),
    BACKEND(CONFIG_CHANGE_MSG, FORWARDED, BODY(NONE), ACKED, GATE(CONFIG)),
    BACKEND(VRING_HOST_NOTIFIER_MSG, REFUSED, BODY_FDS(VRING_AREA, UNLESS_BIT8), ACKED,
            GATE(HOST_NOTIFIER)),
    BACKEND(VRING_CALL, REFUSED, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    BACKEND(VRING_ERR, REFUSED, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    BACKEND(SHARED_OBJECT_ADD, REFUSED, BODY(UUID), ACKED, GATE(SHARED_OBJECT)),
    BACKEND(SHARED_OBJECT_REMOVE, REFUSED, BODY(UUID), ACKED, GATE(SHARED_OBJECT)),
    BACKEND(SHARED_OBJECT_LOOKUP, REFUSED, BODY(UUID), REPLY(BODY_FDS(U64, IF_SUCCESS)),
            GATE(SHARED_OBJECT)),
    BACKEND(SHMEM_MAP, REFUSED, BODY_FDS(SHMEM_MAP, ONE), ACKED, GATE(SHMEM_MAP)),
    BACKEND(SHMEM_UNMAP, REFUSED, BODY(SHMEM_MAP), ACKED, GATE(SHMEM_MAP)),
};

static const struct hf_request_info *row_of(const struct hf_request_info *table, uint32_t count,
                                            uint32_t request)
{
    if (request >= count || table[request].name == NULL)
        return NULL;
    return &table[request];
}

const struct hf_request_info *hf_request_info(uint32_t request)
{
    return row_of(requests, HF_REQUEST_COUNT, request);
}

const struct hf_request_info *hf_backend_request_info(uint32_t request)
{
    return row_of(backend_requests, HF_BACKEND_REQUEST_COUNT, request);
}

const struct hf_request_info *hf_stream_info(enum hf_stream stream, uint32_t request)
{
    if (stream == HF_STREAM_REQUESTS || stream == HF_STREAM_REPLIES)
        return hf_request_info(request);
    return hf_backend_request_info(request);
}

const struct hf_shape *hf_stream_shape(enum hf_stream stream, uint32_t request)
{
    static const struct hf_request_info stranger = { .request = { HF_PAYLOAD_OPAQUE, HF_FDS_ANY,
                                                                  0 },
                                                     .answer = { HF_PAYLOAD_U64, HF_FDS_NONE, 0 } };
    const struct hf_request_info *info = hf_stream_info(stream, request);

    if (info == NULL)
        info = &stranger;
    return hf_stream_is_replies(stream) ? &info->answer : &info->request;
}

bool hf_stream_is_replies(enum hf_stream stream)
{
    return stream == HF_STREAM_REPLIES || stream == HF_STREAM_BACKEND_REPLIES;
}

static const char *name_of(const struct hf_request_info *info)
{
    return info != NULL ? info->name : "unknown";
}

const char *hf_request_name(uint32_t request)
{
    return name_of(hf_request_info(request));
}

const char *hf_backend_request_name(uint32_t request)
{
    return name_of(hf_backend_request_info(request));
}

const char *hf_fds_text(enum hf_fds fds)
{
    static const char *const texts[HF_FDS_COUNT] = {
        [HF_FDS_NONE] = "0",
        [HF_FDS_ONE] = "1",
        [HF_FDS_OPTIONAL] = "0 or 1",
        [HF_FDS_UNLESS_BIT8] = "1, 0 if bit 8 is set",
        [HF_FDS_PER_REGION] = "1 per region",
        [HF_FDS_IF_SIZED] = "1, 0 if the size is 0",
        [HF_FDS_IF_SUCCESS] = "1, 0 if the value is not 0",
        [HF_FDS_ANY] = "any",
    };

    return (unsigned)fds < HF_FDS_COUNT ? texts[fds] : "?";
}

const char *hf_reply_text(enum hf_reply reply)
{
    static const char *const texts[HF_REPLY_COUNT] = {
        [HF_REPLY_ACK] = "acknowledged if asked (REPLY_ACK)",
        [HF_REPLY_OWN] = "always",
        [HF_REPLY_LOG_SHMFD] = "always with LOG_SHMFD, else if asked",
        [HF_REPLY_POSTCOPY] = "always in postcopy, else if asked",
    };

    return (unsigned)reply < HF_REPLY_COUNT ? texts[reply] : "?";
}

const char *hf_relay_rule_text(enum hf_relay_rule rule)
{
    static const char *const texts[HF_RELAY_RULE_COUNT] = {
        [HF_RELAY_RULE_REFUSED] = "refused",
        [HF_RELAY_RULE_ANSWERED] = "answered",
        [HF_RELAY_RULE_RECORDED] = "recorded",
        [HF_RELAY_RULE_FORWARDED] = "forwarded",
    };

    return (unsigned)rule < HF_RELAY_RULE_COUNT ? texts[rule] : "?";
}

static bool gate_open(int gate, uint64_t features)
{
    return gate == HF_GATE_NONE || (features & HF_BIT(gate)) != 0;
}

bool hf_request_allowed(const struct hf_request_info *info, uint64_t features,
                        uint64_t protocol_features)
{
    return gate_open(info->gate, protocol_features) && gate_open(info->feature_gate, features);
}

bool hf_request_is_answered(const struct hf_request_info *info, bool need_reply,
                            uint64_t protocol_features)
{
    if (info != NULL && info->reply == HF_REPLY_OWN)
        return true;
    if (info != NULL && info->reply == HF_REPLY_LOG_SHMFD &&
        (protocol_features & HF_PROTOCOL_FEATURE(LOG_SHMFD)) != 0)
        return true;
    return need_reply && (protocol_features & HF_PROTOCOL_FEATURE(REPLY_ACK)) != 0;
}
