/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints docs/protocol-support.md. Nothing in that page is kept by hand: the messages come from the
 * wire table, "sent" from the front core's script, "served" from the back core's rows. A test
 * compares the page with what this prints.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "session/back_rows.h"
#include "session/script_rows.h"
#include "wire/request.h"

typedef const struct hf_request_info *info_lookup(uint32_t request);

static bool is_sent(uint32_t request)
{
    for (unsigned i = 0; i < HF_ROW_COUNT; i++)
        if (hf_script_rows[i].request == request || hf_script_rows[i].undo_request == request)
            return true;
    return false;
}

static bool is_served(uint32_t request)
{
    return hf_back_ring_rows[request].begin != NULL || hf_back_memory_rows[request].begin != NULL ||
           hf_back_device_rows[request].begin != NULL || hf_back_log_rows[request].begin != NULL;
}

/* "none" reads badly in a table. */
static const char *payload_text(enum hf_payload payload)
{
    return payload == HF_PAYLOAD_NONE ? "-" : hf_payload_name(payload);
}

static void print_answer(const struct hf_request_info *info)
{
    printf("%s", hf_reply_text(info->reply));
    if (info->reply == HF_REPLY_OWN && info->answer.payload != HF_PAYLOAD_NONE)
        printf(": %s", payload_text(info->answer.payload));
    if (info->answer.fds != HF_FDS_NONE)
        printf(", fds %s", hf_fds_text(info->answer.fds));
}

static void print_gate(const struct hf_request_info *info)
{
    if (info->gate != HF_GATE_NONE)
        printf("%s", hf_protocol_feature_name((unsigned)info->gate));
    else if (info->feature_gate != HF_GATE_NONE)
        printf("virtio feature %s", hf_feature_name((unsigned)info->feature_gate));
    else
        printf("-");
}

static void print_message(uint32_t request, const struct hf_request_info *info)
{
    printf("| %u | %s | %s | %s | ", (unsigned)request, info->name,
           payload_text(info->request.payload), hf_fds_text(info->request.fds));
    print_answer(info);
    printf(" | ");
    print_gate(info);
}

static void print_requests(void)
{
    printf("| # | request | payload | fds | answered | needs | front-end | target |\n"
           "|---|---|---|---|---|---|---|---|\n");
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
        print_message(request, hf_request_info(request));
        printf(" | %s | %s |\n", is_sent(request) ? "sends" : "-",
               is_served(request) ? "serves" : "refuses");
    }
}

static void print_backend_requests(void)
{
    printf("| # | request | payload | fds | answered | needs |\n|---|---|---|---|---|---|\n");
    for (uint32_t request = 1; request < HF_BACKEND_REQUEST_COUNT; request++) {
        print_message(request, hf_backend_request_info(request));
        printf(" |\n");
    }
}

static bool gates(const struct hf_request_info *info, unsigned bit)
{
    return info != NULL && info->gate == (int)bit;
}

static void print_gated(info_lookup *lookup, uint32_t count, unsigned bit, const char *prefix)
{
    for (uint32_t request = 1; request < count; request++)
        if (gates(lookup(request), bit))
            printf("%s%s ", prefix, lookup(request)->name);
}

static void print_protocol_features(void)
{
    printf("| bit | name | requests that need it |\n|---|---|---|\n");
    for (unsigned bit = 0; bit < HF_PROTOCOL_FEATURE_COUNT; bit++) {
        printf("| %u | %s | ", bit, hf_protocol_feature_name(bit));
        print_gated(hf_request_info, HF_REQUEST_COUNT, bit, "");
        print_gated(hf_backend_request_info, HF_BACKEND_REQUEST_COUNT, bit, "back-end ");
        printf("|\n");
    }
}

int main(void)
{
    printf("# What of vhost-user is supported\n\n"
           "Made from the tables in src/wire and src/session by tools/protocol-support.c (`make "
           "docs`); do not edit.\nAll messages can be decoded and checked. *Sends*: the front-end "
           "library does, where the feature it needs is\nnegotiated. *Serves*: a session of "
           "holdfast-target does; *refuses*: it answers with an error, or ends the\nsession "
           "where the request has no answer that could say so, or did not ask for one. A request "
           "with\nany other number is refused in the same way.\n\n"
           "## Requests of the front-end\n\n");
    print_requests();
    printf("\n## Requests of the back-end\n\n"
           "The target takes the channel for them (user-mode Linux cannot run without one) and "
           "sends nothing on it yet;\nthe front-end does not offer one.\n\n");
    print_backend_requests();
    printf("\n## Protocol features\n\n");
    print_protocol_features();
    return 0;
}
