/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * protocol-support FILE: prints docs/protocol-support.md with its tables as they are to be: those
 * between a line <!-- made: NAME --> and the next <!-- end -->. What is around them is kept by
 * hand. Messages and features come from the wire tables, "sends" from the front core's script,
 * "serves" from the back core's rows. A test compares the page with what this prints.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "protocol-tested.h"
#include "session/back_rows.h"
#include "session/script_rows.h"
#include "wire/request.h"

#define LINE_MAX 4096

typedef const struct hf_request_info *info_lookup(uint32_t request);

/* ---- requests -------------------------------------------------------------------------------- */

static bool is_sent(uint32_t request)
{
    for (unsigned i = 0; i < HF_ROW_COUNT; i++)
        if (hf_script_rows[i].request == request || hf_script_rows[i].undo_request == request)
            return true;
    return false;
}

/* The library knows of no change of the config space by a guest, and takes no channel. */
static bool is_sent_by_relay_only(uint32_t request)
{
    return request == HF_REQUEST_SET_CONFIG || request == HF_REQUEST_SET_BACKEND_REQ_FD;
}

static const char *sender_text(uint32_t request)
{
    if (!is_sent(request))
        return "-";
    return is_sent_by_relay_only(request) ? "relay only" : "sends";
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
    printf("| # | request | payload | fds | answered | needs | front-end | target | relay |\n"
           "|---|---|---|---|---|---|---|---|---|\n");
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
        const struct hf_request_info *info = hf_request_info(request);

        print_message(request, info);
        printf(" | %s | %s | %s |\n", sender_text(request),
               is_served(request) ? "serves" : "refuses", hf_relay_rule_text(info->relay));
    }
}

static void print_backend_requests(void)
{
    printf("| # | request | payload | fds | answered | needs | relay |\n"
           "|---|---|---|---|---|---|---|\n");
    for (uint32_t request = 1; request < HF_BACKEND_REQUEST_COUNT; request++) {
        const struct hf_request_info *info = hf_backend_request_info(request);

        print_message(request, info);
        printf(" | %s |\n", hf_relay_rule_text(info->relay));
    }
}

/* ---- features -------------------------------------------------------------------------------- */

struct word {
    unsigned use;
    const char *text;
};

/* Columns: the library, the target, the relay. */
static const struct word columns[][2] = {
    { { HF_USE_DRIVER, "offers to the driver" }, { HF_USE_FRONTEND, "uses" } },
    { { HF_USE_TARGET, "offers" }, { HF_USE_TOLERATED, "tolerates" } },
    { { HF_USE_PASSED, "passes" }, { HF_USE_RELAY, "offers always" } },
};

static const char *use_text(const struct word words[2], uint64_t (*used_for)(unsigned uses),
                            unsigned bit)
{
    for (unsigned i = 0; i < 2; i++) {
        if ((used_for(words[i].use) & HF_BIT(bit)) != 0)
            return words[i].text;
    }
    return "-";
}

static void print_feature(unsigned bit, const char *name, uint64_t (*used_for)(unsigned uses))
{
    printf("| %u | %s |", bit, name);
    for (unsigned i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        printf(" %s |", use_text(columns[i], used_for, bit));
}

static void print_features(void)
{
    printf("| bit | name | front-end | target | relay |\n|---|---|---|---|---|\n");
    for (unsigned bit = 0; bit < HF_FEATURE_COUNT; bit++) {
        if (hf_feature_name(bit) == NULL)
            continue;
        print_feature(bit, hf_feature_name(bit), hf_features_for);
        printf("\n");
    }
}

static void print_gated(info_lookup *lookup, uint32_t count, unsigned bit, const char *prefix)
{
    for (uint32_t request = 1; request < count; request++) {
        if (lookup(request)->gate == (int)bit)
            printf("%s%s ", prefix, lookup(request)->name);
    }
}

static void print_protocol_features(void)
{
    printf("| bit | name | front-end | target | relay | requests that need it |\n"
           "|---|---|---|---|---|---|\n");
    for (unsigned bit = 0; bit < HF_PROTOCOL_FEATURE_COUNT; bit++) {
        print_feature(bit, hf_protocol_feature_name(bit), hf_protocol_features_for);
        printf(" ");
        print_gated(hf_request_info, HF_REQUEST_COUNT, bit, "");
        print_gated(hf_backend_request_info, HF_BACKEND_REQUEST_COUNT, bit, "back-end ");
        printf("|\n");
    }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static bool all_tested = true;

/* What works is tested; what is not there is not. */
static void print_test(uint32_t request, bool works, const char *test)
{
    if (works != (test != NULL)) {
        fprintf(stderr, "%s: %s\n", hf_request_name(request),
                works ? "names no test" : "names a test of what is not there");
        all_tested = false;
    }
    if (test == NULL)
        printf(" - |");
    else
        printf(" `%s` |", test);
}

static void print_tests(void)
{
    printf("| request | front-end | target |\n|---|---|---|\n");
    for (uint32_t request = 1; request < HF_REQUEST_COUNT; request++) {
        if (!is_sent(request) && !is_served(request))
            continue;
        printf("| %s |", hf_request_name(request));
        print_test(request, is_sent(request), protocol_tested[request].front_end);
        print_test(request, is_served(request), protocol_tested[request].target);
        printf("\n");
    }
}

/* ---- the page -------------------------------------------------------------------------------- */

static struct {
    const char *name;
    void (*print)(void);
    unsigned count;
} tables[] = {
    { "requests", print_requests, 0 }, { "requests of the back-end", print_backend_requests, 0 },
    { "features", print_features, 0 }, { "protocol features", print_protocol_features, 0 },
    { "tests", print_tests, 0 },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

/* Prints the table that the line asks for. False: it asks for none. */
static bool print_table(const char *line)
{
    for (size_t i = 0; i < TABLES; i++) {
        char marker[LINE_MAX];

        snprintf(marker, sizeof(marker), "<!-- made: %s -->\n", tables[i].name);
        if (strcmp(line, marker) != 0)
            continue;
        printf("\n");
        tables[i].print();
        printf("\n");
        tables[i].count++;
        return true;
    }
    return false;
}

/* What is between a marker and the next end is what was made before. */
static void print_page(FILE *page)
{
    char line[LINE_MAX];
    bool old = false;

    while (fgets(line, sizeof(line), page) != NULL) {
        old &= strcmp(line, "<!-- end -->\n") != 0;
        if (old)
            continue;
        fputs(line, stdout);
        old = print_table(line);
    }
}

static bool each_table_is_there_once(void)
{
    bool good = true;

    for (size_t i = 0; i < TABLES; i++) {
        if (tables[i].count != 1)
            fprintf(stderr, "made: %s: %u times\n", tables[i].name, tables[i].count);
        good &= tables[i].count == 1;
    }
    return good;
}

int main(int argc, char **argv)
{
    FILE *page = argc == 2 ? fopen(argv[1], "r") : NULL;

    if (page == NULL) {
        fprintf(stderr, "usage: protocol-support FILE\n");
        return 2;
    }
    print_page(page);
    fclose(page);
    return each_table_is_there_once() && all_tested ? 0 : 1;
}
