/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The framing of virtio-scsi: requests, control requests, events and the config space in any number
 * of pieces of any length, each memory of exactly its size. What is read in pieces is what is read
 * in one; what does not fit is not written at all.
 */
#include "fuzz.h"

#include "vscsi/config.h"
#include "vscsi/control.h"
#include "vscsi/event.h"
#include "vscsi/lun.h"
#include "vscsi/request.h"

enum {
    DEPTH_REQUEST,  /* a header in three pieces or more */
    DEPTH_RESPONSE, /* written to as many */
    DEPTH_TMF,
    DEPTH_NOTIFICATION, /* an AN request */
};

#define PIECES_MAX 12u

struct prefix {
    uint8_t cuts[PIECES_MAX]; /* lengths of the readable pieces; the last takes the rest */
    uint8_t room[PIECES_MAX]; /* lengths of the writable ones */
};

struct pieces {
    struct iovec at[PIECES_MAX];
    unsigned count;
    unsigned filled; /* with at least a byte */
};

static void add_piece(struct pieces *pieces, const uint8_t *bytes, size_t length)
{
    struct iovec *piece = &pieces->at[pieces->count++];

    piece->iov_base = bytes ? fuzz_copy(bytes, length) : fuzz_alloc(length);
    piece->iov_len = length;
    pieces->filled += length > 0;
}

static struct hf_spans spans_of(const struct pieces *pieces)
{
    return hf_spans_of(pieces->at, pieces->count);
}

static void free_pieces(struct pieces *pieces)
{
    for (unsigned i = 0; i < pieces->count; i++)
        free(pieces->at[i].iov_base);
}

static struct pieces cut(const struct prefix *prefix, const uint8_t *bytes, size_t size_bytes)
{
    struct pieces pieces = { .count = 0 };

    for (unsigned i = 0; i + 1 < PIECES_MAX && size_bytes > 0; i++) {
        size_t length = prefix->cuts[i] < size_bytes ? prefix->cuts[i] : size_bytes;

        add_piece(&pieces, bytes, length);
        bytes += length;
        size_bytes -= length;
    }
    add_piece(&pieces, bytes, size_bytes);
    return pieces;
}

static struct pieces rooms(const struct prefix *prefix)
{
    struct pieces pieces = { .count = 0 };

    for (unsigned i = 0; i < PIECES_MAX; i++)
        add_piece(&pieces, NULL, prefix->room[i]);
    return pieces;
}

/* ---- requests ---- */

static unsigned check_request(const struct pieces *pieces, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t again[HF_VSCSI_REQUEST_SIZE_BYTES];
    struct hf_vscsi_request request;
    bool whole = hf_vscsi_request_gather(spans_of(pieces), &request);

    FUZZ_CHECK(whole == (size_bytes >= sizeof(again)));
    if (!whole)
        return 0;
    hf_vscsi_request_encode(&request, again);
    FUZZ_CHECK(memcmp(again, bytes, sizeof(again)) == 0);
    struct hf_vscsi_address address = hf_vscsi_lun_decode(request.lun);
    FUZZ_CHECK((unsigned)address.form < HF_LUN_FORM_COUNT && address.lun <= HF_LUN_MAX);
    return pieces->filled >= 3 ? FUZZ_DEPTH(DEPTH_REQUEST) : 0;
}

static void check_control_again(const struct hf_vscsi_control *control, const uint8_t *bytes)
{
    uint8_t again[HF_VSCSI_TMF_SIZE_BYTES] = { 0 };

    if (control->type == HF_VSCSI_CONTROL_TMF) {
        hf_vscsi_tmf_encode(control, again);
        FUZZ_CHECK(memcmp(again, bytes, HF_VSCSI_TMF_SIZE_BYTES) == 0);
    } else if (control->type < HF_VSCSI_CONTROL_COUNT) {
        hf_vscsi_an_encode(control, again);
        FUZZ_CHECK(memcmp(again, bytes, HF_VSCSI_AN_SIZE_BYTES) == 0);
    }
    FUZZ_CHECK(hf_vscsi_tmf_name(control->subtype) != NULL);
}

static unsigned check_control(const struct pieces *pieces, const uint8_t *bytes)
{
    struct hf_vscsi_control control;

    if (!hf_vscsi_control_gather(spans_of(pieces), &control))
        return 0;
    check_control_again(&control, bytes);
    struct pieces answer = { .count = 0 };
    add_piece(&answer, NULL, 0);
    add_piece(&answer, NULL, bytes[0] % 3);
    add_piece(&answer, NULL, bytes[1] % 5);
    size_t room = hf_spans_size(spans_of(&answer));
    size_t written = hf_vscsi_control_scatter(spans_of(&answer), &control, 0, 11);
    FUZZ_CHECK(written <= room);
    free_pieces(&answer);
    return control.type == HF_VSCSI_CONTROL_TMF    ? FUZZ_DEPTH(DEPTH_TMF)
           : control.type < HF_VSCSI_CONTROL_COUNT ? FUZZ_DEPTH(DEPTH_NOTIFICATION)
                                                   : 0;
}

/* ---- what the device writes, and what a driver makes of it ---- */

static unsigned check_response(const struct pieces *rooms_given, const uint8_t *bytes,
                               size_t size_bytes)
{
    uint8_t raw[HF_VSCSI_RESPONSE_SIZE_BYTES] = { 0 };
    uint8_t out[HF_VSCSI_RESPONSE_SIZE_BYTES] = { 0 };
    uint8_t wanted[HF_VSCSI_RESPONSE_SIZE_BYTES];
    struct hf_vscsi_response response;

    memcpy(raw, bytes, size_bytes < sizeof(raw) ? size_bytes : sizeof(raw));
    hf_vscsi_response_decode(raw, &response);
    FUZZ_CHECK(response.sense_length <= HF_VSCSI_SENSE_SIZE_BYTES);
    FUZZ_CHECK(hf_vscsi_code_name(response.response) != NULL);
    bool written = hf_vscsi_response_scatter(spans_of(rooms_given), &response);
    FUZZ_CHECK(written == (hf_spans_size(spans_of(rooms_given)) >= sizeof(out)));
    hf_spans_gather(spans_of(rooms_given), 0, out, sizeof(out));
    memset(wanted, 0, sizeof(wanted));
    if (written)
        hf_vscsi_response_encode(&response, wanted);
    FUZZ_CHECK(memcmp(out, wanted, sizeof(out)) == 0);
    return written && rooms_given->filled >= 3 ? FUZZ_DEPTH(DEPTH_RESPONSE) : 0;
}

static void check_event(const struct prefix *prefix, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t raw[HF_VSCSI_EVENT_SIZE_BYTES] = { 0 };
    uint8_t again[HF_VSCSI_EVENT_SIZE_BYTES];
    struct hf_vscsi_event event;
    struct pieces pieces = rooms(prefix);

    memcpy(raw, bytes, size_bytes < sizeof(raw) ? size_bytes : sizeof(raw));
    hf_vscsi_event_decode(raw, &event);
    hf_vscsi_event_encode(&event, again);
    FUZZ_CHECK(memcmp(raw, again, sizeof(raw)) == 0);
    FUZZ_CHECK(hf_vscsi_event_scatter(spans_of(&pieces), &event) ==
               (hf_spans_size(spans_of(&pieces)) >= sizeof(raw)));
    FUZZ_CHECK(hf_vscsi_event_name(event.event) != NULL);
    free_pieces(&pieces);
}

static void check_config(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t again[HF_VSCSI_CONFIG_SIZE_BYTES];
    struct hf_vscsi_config config;
    struct hf_vscsi_trailer trailer;
    bool whole = hf_vscsi_config_decode(bytes, size_bytes, &config);

    FUZZ_CHECK(whole == (size_bytes >= sizeof(again)));
    if (whole) {
        hf_vscsi_config_encode(&config, again);
        FUZZ_CHECK(memcmp(again, bytes, sizeof(again)) == 0);
    }
    if (hf_vscsi_trailer_decode(bytes, size_bytes, &trailer))
        FUZZ_CHECK(size_bytes >= HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES && trailer.version > 0);
    else
        FUZZ_CHECK(trailer.version == 0 && trailer.flags == 0);
}

static unsigned run(const uint8_t *bytes, size_t size_bytes)
{
    struct fuzz_input input = { bytes, size_bytes };
    struct prefix prefix;
    unsigned reached = 0;

    fuzz_take(&input, &prefix, sizeof(prefix));
    uint8_t *rest = fuzz_copy(input.at, input.left);
    struct pieces readable = cut(&prefix, rest, input.left);
    struct pieces writable = rooms(&prefix);
    reached |= check_request(&readable, rest, input.left);
    reached |= check_control(&readable, rest);
    reached |= check_response(&writable, rest, input.left);
    check_event(&prefix, rest, input.left);
    check_config(rest, input.left);
    free_pieces(&readable);
    free_pieces(&writable);
    free(rest);
    return reached;
}

/* ---- seeds ---- */

struct seed {
    struct prefix prefix;
    uint8_t bytes[256];
};

static void seed_request(const struct prefix *prefix)
{
    struct seed seed = { .prefix = *prefix };
    struct hf_vscsi_request request = { .tag = 7, .cdb = { HF_OP_READ_10 } };

    hf_vscsi_lun_encode(3, 300, request.lun);
    hf_vscsi_request_encode(&request, seed.bytes);
    fuzz_seed("request", &seed, sizeof(seed.prefix) + HF_VSCSI_REQUEST_SIZE_BYTES + 64);
}

static void seed_controls(const struct prefix *prefix)
{
    struct seed seed = { .prefix = *prefix };
    struct hf_vscsi_control control = { .type = HF_VSCSI_CONTROL_TMF,
                                        .subtype = HF_VSCSI_TMF_LOGICAL_UNIT_RESET,
                                        .tag = 9,
                                        .events = 2 };

    hf_vscsi_lun_encode(1, 0, control.lun);
    hf_vscsi_tmf_encode(&control, seed.bytes);
    fuzz_seed("task-management", &seed, sizeof(seed.prefix) + HF_VSCSI_TMF_SIZE_BYTES);
    control.type = HF_VSCSI_CONTROL_AN_QUERY;
    hf_vscsi_an_encode(&control, seed.bytes);
    fuzz_seed("notification", &seed, sizeof(seed.prefix) + HF_VSCSI_AN_SIZE_BYTES);
}

static void seed_config(const struct prefix *prefix)
{
    struct seed seed = { .prefix = *prefix };
    struct hf_vscsi_config config = hf_vscsi_config_default(4, 126);

    hf_vscsi_config_encode(&config, seed.bytes);
    hf_vscsi_trailer_encode(HF_VSCSI_TRAILER_FENCED, seed.bytes + HF_VSCSI_CONFIG_SIZE_BYTES);
    fuzz_seed("config", &seed, sizeof(seed.prefix) + HF_VSCSI_CONFIG_WHOLE_SIZE_BYTES);
}

static void seeds(void)
{
    const struct prefix pieces = { .cuts = { 8, 0, 16, 1, 20 }, .room = { 4, 0, 90, 1, 60 } };
    const struct prefix tight = { .cuts = { 255 }, .room = { 100, 7 } };

    seed_request(&pieces);
    seed_controls(&pieces);
    seed_config(&tight);
}

const struct fuzz_target fuzz_target = {
    .name = "vscsi",
    .depths = { "a request in pieces", "a response in pieces", "task management", "notification" },
    .run = run,
    .seeds = seeds,
};
