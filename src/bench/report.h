/* SPDX-License-Identifier: BSD-3-Clause */
/* What a bench found, for people and for programs. Measures nothing. */
#ifndef HF_BENCH_REPORT_H
#define HF_BENCH_REPORT_H

#include "bench/bench.h"

#include <stdio.h>

double hf_bench_iops(const struct hf_bench_outcome *outcome);
/* Of one processor: a process of one thread takes 100 at most. */
double hf_bench_cpu_percent(const struct hf_bench_outcome *outcome);

void hf_bench_print_text(FILE *out, const struct hf_bench_settings *settings,
                         const struct hf_bench_outcome *outcome);
/* One object; its keys are an interface. 0 or -errno. */
int hf_bench_print_json(FILE *out, const struct hf_bench_settings *settings,
                        const struct hf_bench_outcome *outcome);
/* A line for each thing that was wrong. */
void hf_bench_print_trouble(FILE *out, const struct hf_bench_outcome *outcome);

#endif
