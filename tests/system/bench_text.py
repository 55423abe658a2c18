# SPDX-License-Identifier: BSD-3-Clause
"""What came of a bench, as a section of docs/performance.md."""

import statistics

from bench_ratio import interval, place
from soak_text import day, load_words, table, where_words

FIGURES = {"IOPS": ("iops", lambda value: f"{value:,.0f}"),
           "p50, us": ("p50", lambda value: f"{value / 1000:.1f}"),
           "p99, us": ("p99", lambda value: f"{value / 1000:.1f}")}


def spread(values, write):
    return f"{write(statistics.median(values))} ({write(min(values))} to {write(max(values))})"


def factor(firsts, seconds):
    """In bold where it is sure that it is not 1."""
    middle, least, most = interval(firsts, seconds)
    mark = "" if least <= 1 <= most else "**"
    return f"{mark}{middle:.3f} ({least:.3f} to {most:.3f}){mark}"


def row(cell, name):
    key, write = FIGURES[name]
    values = [[run[key] for run in runs] for runs in cell["runs"]]
    return [cell["disk"], str(cell["depth"]), name, *(spread(some, write) for some in values),
            factor(*values)]


def misses(cells):
    """Of the IOPS: where the interval does not include 1."""
    ends = [interval(*([run["iops"] for run in runs] for runs in cell["runs"])) for cell in cells]
    missed = sum(not least <= 1 <= most for _, least, most in ends)
    chance = 1 - place(len(cells[0]["runs"][0]))[1] ** len(cells)
    return (f"The interval of the IOPS includes 1 in {len(cells) - missed} of {len(cells)} rows (were "
            f"there no difference, {chance:.0%} of such tables would have a row in which it does not).")


def how(sides, options):
    pairs = options.repeats
    return (f"`holdfast bench --rw={options.rw} --bs={options.bs} --runtime={options.runtime:g}`, "
            f"{' and '.join(sides)} in turn, {pairs} times each; medians, with the least and the most; "
            f"the factor is that of pairs of neighbours, with an interval that has the true one in it "
            f"{place(pairs)[1]:.1%} of the time.")


def gaps(found):
    if not found:
        return "Gap through the relay: not measured.\n"
    rows = [["gap to the first completion, ms", "kills", "p50", "p99", "max"]]
    rows += [[name, str(kills), *(f"{gap[key]:.2f}" for key in ("p50", "p99", "max"))]
             for name, kills, gap in found]
    return table(rows)


def section(cells, sides, found_gaps, options, where):
    """A dated one: what was measured, where, and what else ran there."""
    shares = [share for cell in cells for share in cell["others"]]
    where = where | {"load": load_words(shares, "runs")}
    title = "Null check: one socket against itself" if options.null else "The relay against direct"
    rows = [["disk", "depth", "", *sides, "factor"]]
    rows += [row(cell, name) for cell in cells for name in FIGURES]
    parts = [f"## {title}, {day(options.began)}\n", where_words(where, options.took),
             how(sides, options) + "\n", table(rows), misses(cells) + "\n"]
    return "\n".join(parts if options.null else [*parts, gaps(found_gaps)])
