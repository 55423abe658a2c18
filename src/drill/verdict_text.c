/* SPDX-License-Identifier: BSD-3-Clause */
/* See verdict_text.h. The JSON keys are an interface: docs and scripts name them. */
#include "drill/verdict_text.h"

#include <errno.h>
#include <jansson.h>

static const char *const sentences[HF_VERDICT_COUNT] = {
    [HF_VERDICT_CLEAN] = "CLEAN: every request completed once, with the right data",
    [HF_VERDICT_HARMED] = "HARMED: the disk did not keep what it promised",
    [HF_VERDICT_INCONCLUSIVE] =
        "INCONCLUSIVE: fewer than 90 % of the kills met a request in flight; nothing is shown",
};

static void print_gap(FILE *out, const char *what, struct hf_timeline_gap gap)
{
    if (gap.samples == 0)
        return;
    fprintf(out, "  %-31s p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", what, gap.p50_ms, gap.p99_ms,
            gap.max_ms);
}

static void print_classes(FILE *out, const struct hf_tally *tally)
{
    fprintf(out, " ");
    for (unsigned i = 0; i < HF_CLASS_COUNT; i++)
        fprintf(out, " %s %llu%s", hf_class_name((enum hf_class)i),
                (unsigned long long)tally->classes[i], i + 1 < HF_CLASS_COUNT ? "," : "\n");
    for (unsigned i = 0; i < tally->note_count; i++)
        fprintf(out, "    %s\n", tally->notes[i]);
}

static void print_gaps(FILE *out, const struct hf_drill_outcome *outcome)
{
    const struct hf_timeline *timeline = &outcome->timeline;

    print_gap(out, "gap, kill to first completion:", hf_timeline_kill_gap(timeline));
    print_gap(out, "gap, listening to completion:", hf_timeline_listen_gap(timeline));
    print_gap(out, "gap, and lock free:", hf_timeline_lock_gap(timeline));
    print_gap(out,
              "gap, kill of a VMM to next one's:", hf_timeline_kill_gap(&outcome->vmm_timeline));
}

static void print_in_flight(FILE *out, const char *what, const struct hf_timeline *timeline)
{
    if (timeline->count > 0)
        fprintf(out, "  in flight at %s: min %u, median %u\n", what,
                hf_timeline_in_flight_min(timeline), hf_timeline_in_flight_median(timeline));
}

static void print_relay(FILE *out, const struct hf_drill_outcome *outcome)
{
    const struct hf_relay_use *early = &outcome->relay_early;
    const struct hf_relay_use *late = &outcome->relay_late;

    if (outcome->relay_pid != 0)
        fprintf(out,
                "  relay: %u descriptors (%u at first), %llu KiB resident (%llu at first), "
                "%llu us of processor time in an idle second\n",
                late->fds, early->fds, (unsigned long long)late->rss_bytes / 1024,
                (unsigned long long)early->rss_bytes / 1024,
                (unsigned long long)outcome->relay_idle_ns / 1000);
}

void hf_drill_print_text(FILE *out, const struct hf_drill_settings *settings,
                         const struct hf_drill_outcome *outcome)
{
    const struct hf_tally *tally = &outcome->tally;
    const struct hf_timeline *timeline = &outcome->timeline;

    fprintf(out, "%s\n", sentences[outcome->verdict]);
    fprintf(out, "  %u kills (%u met requests in flight), %llu requests, %llu replayed\n",
            outcome->kills + outcome->vmm_kills, outcome->hits, (unsigned long long)tally->requests,
            (unsigned long long)tally->replayed);
    if (outcome->vmm_kills > 0)
        fprintf(out, "  %u of the kills were of a VMM, or of both sides at once\n",
                outcome->vmm_kills);
    print_classes(out, tally);
    print_in_flight(out, "a kill", timeline);
    print_in_flight(out, "a VMM's death", &outcome->vmm_timeline);
    print_gaps(out, outcome);
    print_relay(out, outcome);
    if (outcome->ended_by_itself > 0)
        fprintf(out, "  the back-end also ended by itself %u times\n", outcome->ended_by_itself);
    fprintf(out, "  recovery %s, seed %llu%s\n", hf_recovery_name(outcome->recovery),
            (unsigned long long)settings->seed,
            outcome->file_checked ? "" : "; the file itself was not checked");
}

static json_t *gap_object(struct hf_timeline_gap gap)
{
    if (gap.samples == 0)
        return json_null();
    return json_pack("{s:f, s:f, s:f}", "p50", gap.p50_ms, "p99", gap.p99_ms, "max", gap.max_ms);
}

static void add_gaps(json_t *object, const struct hf_timeline *timeline)
{
    json_object_set_new(object, "gap_kill_ms", gap_object(hf_timeline_kill_gap(timeline)));
    json_object_set_new(object, "gap_listen_ms", gap_object(hf_timeline_listen_gap(timeline)));
    json_object_set_new(object, "gap_lock_ms", gap_object(hf_timeline_lock_gap(timeline)));
}

static json_t *relay_object(const struct hf_drill_outcome *outcome)
{
    const struct hf_relay_use *early = &outcome->relay_early;
    const struct hf_relay_use *late = &outcome->relay_late;

    if (outcome->relay_pid == 0)
        return json_null();
    return json_pack("{s:[I, I], s:[I, I], s:I}", "fds", (json_int_t)early->fds,
                     (json_int_t)late->fds, "rss_bytes", (json_int_t)early->rss_bytes,
                     (json_int_t)late->rss_bytes, "idle_ns", (json_int_t)outcome->relay_idle_ns);
}

static json_t *in_flight_object(const struct hf_timeline *timeline)
{
    return json_pack("{s:I, s:I}", "min", (json_int_t)hf_timeline_in_flight_min(timeline), "median",
                     (json_int_t)hf_timeline_in_flight_median(timeline));
}

static void add_relay(json_t *object, const struct hf_drill_outcome *outcome)
{
    json_object_set_new(object, "vmm_kills", json_integer((json_int_t)outcome->vmm_kills));
    json_object_set_new(object, "in_flight_at_vmm_kill", in_flight_object(&outcome->vmm_timeline));
    json_object_set_new(object, "gap_vmm_ms",
                        gap_object(hf_timeline_kill_gap(&outcome->vmm_timeline)));
    json_object_set_new(object, "relay", relay_object(outcome));
}

static void add_harm(json_t *object, const struct hf_tally *tally)
{
    json_t *notes = json_array();

    for (unsigned i = 0; i < HF_CLASS_COUNT; i++)
        json_object_set_new(object, hf_class_name((enum hf_class)i),
                            json_integer((json_int_t)tally->classes[i]));
    for (unsigned i = 0; i < tally->note_count; i++)
        json_array_append_new(notes, json_string(tally->notes[i]));
    json_object_set_new(object, "notes", notes);
}

/* Milliseconds after the kill; null where there is no such moment. */
static json_t *moment(const struct hf_timeline_kill *kill, uint64_t at_ns)
{
    double after_ns = (double)at_ns - (double)kill->killed_ns;

    return at_ns == 0 || kill->killed_ns == 0 ? json_null() : json_real(after_ns / 1e6);
}

static json_t *kill_object(const struct hf_timeline_kill *kill)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "in_flight", (json_int_t)kill->in_flight,
                     "listening_ms", moment(kill, kill->listening_ns), "unlocked_ms",
                     moment(kill, kill->unlocked_ns), "first_ms", moment(kill, kill->first_ns));
}

static json_t *each_kill(const struct hf_timeline *timeline)
{
    json_t *list = json_array();

    for (size_t i = 0; i < timeline->count; i++)
        json_array_append_new(list, kill_object(&timeline->kills[i]));
    return list;
}

static json_t *outcome_object(const struct hf_drill_settings *settings,
                              const struct hf_drill_outcome *outcome)
{
    const struct hf_tally *tally = &outcome->tally;
    const struct hf_timeline *timeline = &outcome->timeline;
    json_t *object = json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "kills", (json_int_t)outcome->kills, "hits",
        (json_int_t)outcome->hits, "ended_by_itself", (json_int_t)outcome->ended_by_itself,
        "requests", (json_int_t)tally->requests, "replayed", (json_int_t)tally->replayed);

    if (object == NULL)
        return NULL;
    add_harm(object, tally);
    json_object_set_new(object, "in_flight_at_kill", in_flight_object(timeline));
    add_gaps(object, timeline);
    add_relay(object, outcome);
    json_object_set_new(object, "file_checked", json_boolean(outcome->file_checked));
    json_object_set_new(object, "seed", json_integer((json_int_t)settings->seed));
    json_object_set_new(object, "recovery", json_string(hf_recovery_name(outcome->recovery)));
    json_object_set_new(object, "verdict", json_string(hf_verdict_name(outcome->verdict)));
    return object;
}

int hf_drill_print_json(FILE *out, const struct hf_drill_settings *settings,
                        const struct hf_drill_outcome *outcome, bool each)
{
    json_t *object = outcome_object(settings, outcome);

    if (object == NULL)
        return -ENOMEM;
    if (each)
        json_object_set_new(object, "each_kill", each_kill(&outcome->timeline));
    int ret = json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(6));
    json_decref(object);
    fputc('\n', out);
    return ret == 0 ? 0 : -ENOMEM;
}
