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
#define ANSWERED(body)    HF_REPLY_OWN, body
#define IN_POSTCOPY(kind) HF_REPLY_POSTCOPY, BODY_OR(U64, NONE, KIND(kind))
#define WITH_LOG_SHMFD    HF_REPLY_LOG_SHMFD, BODY_OR(U64, NONE, KIND(NONE) | KIND(LOG))

/* What must be negotiated: nothing, a protocol feature, a virtio feature. */
#define OPEN                     HF_GATE_NONE, HF_GATE_NONE
#define GATE(name)               HF_PROTOCOL_FEATURE_##name, HF_GATE_NONE
#define FEATURE_GATE(name)       HF_GATE_NONE, HF_FEATURE_##name

#define REQUEST(name, body, ...) [HF_REQUEST_##name] = { #name, body, __VA_ARGS__ }
#define BACKEND(name, body, ...) [HF_BACKEND_REQUEST_##name] = { #name, body, __VA_ARGS__ }

/* SET_LOG_BASE: 8 bytes and no descriptor before LOG_SHMFD; answered with 0 bytes (DPDK), 8
 * (libvhost-user) or 16 (rust-vmm). GET_CONFIG: an empty answer refuses. GET_VRING_BASE: whether it
 * drains or records is said by GET_VRING_BASE_INFLIGHT. */
static const struct hf_request_info requests[HF_REQUEST_COUNT] = {
    REQUEST(GET_FEATURES, BODY(NONE), ANSWERED(BODY(U64)), OPEN),
    REQUEST(SET_FEATURES, BODY(U64), ACKED, OPEN),
    REQUEST(SET_OWNER, BODY(NONE), ACKED, OPEN),
    REQUEST(RESET_OWNER, BODY(NONE), ACKED, OPEN),
    REQUEST(SET_MEM_TABLE, BODY_FDS(MEM_TABLE, PER_REGION), IN_POSTCOPY(MEM_TABLE), OPEN),
    REQUEST(SET_LOG_BASE, BODY_OR(LOG, OPTIONAL, KIND(U64)), WITH_LOG_SHMFD, OPEN),
    REQUEST(SET_LOG_FD, BODY_FDS(NONE, ONE), ACKED, OPEN),
    REQUEST(SET_VRING_NUM, BODY(VRING_STATE), ACKED, OPEN),
    REQUEST(SET_VRING_ADDR, BODY(VRING_ADDR), ACKED, OPEN),
    REQUEST(SET_VRING_BASE, BODY(VRING_STATE), ACKED, OPEN),
    REQUEST(GET_VRING_BASE, BODY(VRING_STATE), ANSWERED(BODY(VRING_STATE)), OPEN),
    REQUEST(SET_VRING_KICK, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(SET_VRING_CALL, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(SET_VRING_ERR, BODY_FDS(U64, UNLESS_BIT8), ACKED, OPEN),
    REQUEST(GET_PROTOCOL_FEATURES, BODY(NONE), ANSWERED(BODY(U64)),
            FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(SET_PROTOCOL_FEATURES, BODY(U64), ACKED, FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(GET_QUEUE_NUM, BODY(NONE), ANSWERED(BODY(U64)), GATE(MQ)),
    REQUEST(SET_VRING_ENABLE, BODY(VRING_STATE), ACKED, FEATURE_GATE(PROTOCOL_FEATURES)),
    REQUEST(SEND_RARP, BODY(U64), ACKED, GATE(RARP)),
    REQUEST(NET_SET_MTU, BODY(U64), ACKED, GATE(MTU)),
    REQUEST(SET_BACKEND_REQ_FD, BODY_FDS(NONE, ONE), ACKED, GATE(BACKEND_REQ)),
    REQUEST(IOTLB_MSG, BODY(IOTLB), ANSWERED(BODY(U64)), FEATURE_GATE(IOMMU_PLATFORM)),
    REQUEST(SET_VRING_ENDIAN, BODY(VRING_STATE), ACKED, GATE(CROSS_ENDIAN)),
    REQUEST(GET_CONFIG, BODY(CONFIG), ANSWERED(BODY_OR(CONFIG, NONE, KIND(NONE))), GATE(CONFIG)),
    REQUEST(SET_CONFIG, BODY(CONFIG), ACKED, GATE(CONFIG)),
    REQUEST(CREATE_CRYPTO_SESSION, BODY(OPAQUE), ANSWERED(BODY(OPAQUE)), GATE(CRYPTO_SESSION)),
    REQUEST(CLOSE_CRYPTO_SESSION, BODY(U64), ACKED, GATE(CRYPTO_SESSION)),
    REQUEST(POSTCOPY_ADVISE, BODY(NONE), ANSWERED(BODY_FDS(NONE, ONE)), GATE(PAGEFAULT)),
    REQUEST(POSTCOPY_LISTEN, BODY(NONE), ACKED, GATE(PAGEFAULT)),
    REQUEST(POSTCOPY_END, BODY(NONE), ANSWERED(BODY(U64)), GATE(PAGEFAULT)),
    REQUEST(GET_INFLIGHT_FD, BODY(INFLIGHT), ANSWERED(BODY_FDS(INFLIGHT, IF_SIZED)),
            GATE(INFLIGHT_SHMFD)),
    REQUEST(SET_INFLIGHT_FD, BODY_FDS(INFLIGHT, ONE), ACKED, GATE(INFLIGHT_SHMFD)),
    REQUEST(GPU_SET_SOCKET, BODY_FDS(NONE, ONE), ACKED, OPEN),
    REQUEST(RESET_DEVICE, BODY(NONE), ACKED, GATE(RESET_DEVICE)),
    REQUEST(VRING_KICK, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    REQUEST(GET_MAX_MEM_SLOTS, BODY(NONE), ANSWERED(BODY(U64)), GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(ADD_MEM_REG, BODY_FDS(MEM_REGION, ONE), IN_POSTCOPY(MEM_REGION),
            GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(REM_MEM_REG, BODY_FDS(MEM_REGION, OPTIONAL), ACKED, GATE(CONFIGURE_MEM_SLOTS)),
    REQUEST(SET_STATUS, BODY(U64), ACKED, GATE(STATUS)),
    REQUEST(GET_STATUS, BODY(NONE), ANSWERED(BODY(U64)), GATE(STATUS)),
    REQUEST(GET_SHARED_OBJECT, BODY(UUID), ANSWERED(BODY_FDS(OPAQUE, OPTIONAL)),
            GATE(SHARED_OBJECT)),
    REQUEST(SET_DEVICE_STATE_FD, BODY_FDS(DEVICE_STATE, ONE), ANSWERED(BODY_FDS(U64, IF_SUCCESS)),
            GATE(DEVICE_STATE)),
    REQUEST(CHECK_DEVICE_STATE, BODY(NONE), ANSWERED(BODY(U64)), GATE(DEVICE_STATE)),
    REQUEST(GET_SHMEM_CONFIG, BODY(NONE), ANSWERED(BODY(OPAQUE)), GATE(SHMEM_MAP)),
};

static const struct hf_request_info backend_requests[HF_BACKEND_REQUEST_COUNT] = {
    BACKEND(IOTLB_MSG, BODY(IOTLB), ACKED, FEATURE_GATE(IOMMU_PLATFORM)),
    BACKEND(CONFIG_CHANGE_MSG, BODY(NONE), ACKED, GATE(CONFIG)),
    BACKEND(VRING_HOST_NOTIFIER_MSG, BODY_FDS(VRING_AREA, UNLESS_BIT8), ACKED, GATE(HOST_NOTIFIER)),
    BACKEND(VRING_CALL, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    BACKEND(VRING_ERR, BODY(VRING_STATE), ACKED, GATE(INBAND_NOTIFICATIONS)),
    BACKEND(SHARED_OBJECT_ADD, BODY(UUID), ACKED, GATE(SHARED_OBJECT)),
    BACKEND(SHARED_OBJECT_REMOVE, BODY(UUID), ACKED, GATE(SHARED_OBJECT)),
    BACKEND(SHARED_OBJECT_LOOKUP, BODY(UUID), ANSWERED(BODY_FDS(U64, IF_SUCCESS)),
            GATE(SHARED_OBJECT)),
    BACKEND(SHMEM_MAP, BODY_FDS(SHMEM_MAP, ONE), ACKED, GATE(SHMEM_MAP)),
    BACKEND(SHMEM_UNMAP, BODY(SHMEM_MAP), ACKED, GATE(SHMEM_MAP)),
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
