/* SPDX-License-Identifier: BSD-3-Clause */
/* See report.h. The JSON keys are an interface: docs and scripts name them. */
#include "bench/report.h"

#include <errno.h>
#include <jansson.h>

static const struct {
    const char *name;
    unsigned per_mille;
} percentiles[] = { { "p50", 500 }, { "p99", 990 }, { "p999", 999 } };

#define PERCENTILE_COUNT (sizeof(percentiles) / sizeof(percentiles[0]))

static double per_elapsed(uint64_t amount, const struct hf_bench_outcome *outcome)
{
    return outcome->elapsed_ns == 0 ? 0 : (double)amount / (double)outcome->elapsed_ns;
}

double hf_bench_iops(const struct hf_bench_outcome *outcome)
{
    return per_elapsed(outcome->latency_ns.count, outcome) * 1e9;
}

double hf_bench_cpu_percent(const struct hf_bench_outcome *outcome)
{
    return per_elapsed(outcome->cpu_ns, outcome) * 100;
}

static double bandwidth(const struct hf_bench_settings *settings,
                        const struct hf_bench_outcome *outcome)
{
    return hf_bench_iops(outcome) * settings->block_size_bytes;
}

/* ---- for people ---- */

static void print_head(FILE *out, const struct hf_bench_settings *settings,
                       const struct hf_bench_outcome *outcome)
{
    fprintf(out, "%s, %u bytes, depth %u, queues %u, target %u LUN %u, %.3f s\n",
            settings->kind.name, settings->block_size_bytes, settings->depth, settings->queues,
            outcome->disk.target, outcome->disk.lun, (double)outcome->elapsed_ns / 1e9);
}

static double microseconds(uint64_t ns)
{
    return (double)ns / 1e3;
}

void hf_bench_print_text(FILE *out, const struct hf_bench_settings *settings,
                         const struct hf_bench_outcome *outcome)
{
    const struct hf_histogram *latency = &outcome->latency_ns;

    print_head(out, settings, outcome);
    fprintf(out, "%10s %10s %10s %9s %9s %9s %9s %9s %6s\n", "requests", "IOPS", "MB/s", "mean us",
            "p50 us", "p99 us", "p99.9 us", "max us", "CPU %");
    fprintf(out, "%10llu %10.0f %10.1f %9.1f", (unsigned long long)latency->count,
            hf_bench_iops(outcome), bandwidth(settings, outcome) / 1e6,
            microseconds(hf_histogram_mean(latency)));
    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        fprintf(out, " %9.1f",
                microseconds(hf_histogram_percentile(latency, percentiles[i].per_mille)));
    fprintf(out, " %9.1f %6.1f\n", microseconds(latency->max), hf_bench_cpu_percent(outcome));
}

void hf_bench_print_trouble(FILE *out, const struct hf_bench_outcome *outcome)
{
    if (outcome->failed > 0)
        fprintf(out, "holdfast bench: %llu requests failed; the first: %s\n",
                (unsigned long long)outcome->failed, outcome->failure);
    if (outcome->unanswered > 0)
        fprintf(out, "holdfast bench: %u requests were not answered\n", outcome->unanswered);
    if (outcome->ring_faults > 0)
        fprintf(out, "holdfast bench: the back-end broke the rules of a ring %u times\n",
                outcome->ring_faults);
    if (outcome->latency_ns.count == 0)
        fputs("holdfast bench: nothing was measured: no request was answered as it should be\n",
              out);
    if (outcome->losses > 0)
        fprintf(out, "holdfast bench: the back-end was lost %u times meanwhile\n", outcome->losses);
    if (outcome->interrupted)
        fprintf(out, "holdfast bench: interrupted after %.3f s\n",
                (double)outcome->elapsed_ns / 1e9);
}

/* ---- for programs ---- */

static json_t *latency_object(const struct hf_histogram *latency)
{
    json_t *object = json_pack("{s:I}", "mean", (json_int_t)hf_histogram_mean(latency));

    for (size_t i = 0; i < PERCENTILE_COUNT; i++)
        json_object_set_new(
            object, percentiles[i].name,
            json_integer((json_int_t)hf_histogram_percentile(latency, percentiles[i].per_mille)));
    json_object_set_new(object, "max", json_integer((json_int_t)latency->max));
    return object;
}

int hf_bench_print_json(FILE *out, const struct hf_bench_settings *settings,
                        const struct hf_bench_outcome *outcome)
{
    json_t *object = json_pack("{s:f, s:I, s:o, s:f}", "iops", hf_bench_iops(outcome),
                               "bandwidth_bytes", (json_int_t)bandwidth(settings, outcome),
                               "latency_ns", latency_object(&outcome->latency_ns), "cpu_percent",
                               hf_bench_cpu_percent(outcome));

    if (object == NULL)
        return -ENOMEM;
    int ret = json_dumpf(object, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(object);
    fputc('\n', out);
    return ret == 0 ? 0 : -EIO;
}
