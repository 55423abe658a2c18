# SPDX-License-Identifier: BSD-3-Clause
"""What came of a soak, as sections of docs/soak.md. Percentiles are of all kills of a shape
together, by nearest rank: those of single drills cannot be averaged."""

import datetime
import statistics

HARMS = "lost", "duplicated", "corrupted", "failed", "stuck"
GAPS = {"kill": "from the kill", "listening_ms": "from listening",
        "unlocked_ms": "from listening with the lock free"}
PER_MILLE = {"p50": 500, "p99": 990, "p99.9": 999, "max": 1000}
QUIET = 0.05  # of the machine, taken by others


def rank(samples, per_mille):
    """The smallest sample that is not below so many of all."""
    return sorted(samples)[max(0, -(-len(samples) * per_mille // 1000) - 1)]


def gaps(chunks, start):
    return [kill["first_ms"] - (0 if start == "kill" else kill[start])
            for chunk in chunks for kill in chunk["verdict"]["each_kill"]
            if kill["first_ms"] is not None and (start == "kill" or kill[start] is not None)]


def total(chunks, key):
    return sum(chunk["verdict"][key] for chunk in chunks)


def table(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


def counts_row(name, chunks):
    in_flight = [kill["in_flight"] for chunk in chunks for kill in chunk["verdict"]["each_kill"]]
    seconds = sum(chunk["seconds"] for chunk in chunks)
    return [name, f"{total(chunks, 'kills'):,}", f"{total(chunks, 'hits'):,}",
            f"{statistics.median_low(in_flight)}", f"{total(chunks, 'requests'):,}",
            f"{total(chunks, 'replayed'):,}", *(f"{total(chunks, harm)}" for harm in HARMS),
            f"{seconds / total(chunks, 'kills'):.3f} s"]


def gap_row(name, chunks, start):
    samples = gaps(chunks, start)
    if not samples:
        return [name, GAPS[start], *("-" for _ in PER_MILLE)]
    return [name, GAPS[start], *(f"{rank(samples, mille):.2f}" for mille in PER_MILLE.values())]


def load_words(shares, what="drills"):
    median = statistics.median(shares)
    spread = f" (median of {len(shares)} {what}; most: {max(shares):.0%})" if shares[1:] else ""
    return (f"{'quiet' if median < QUIET else 'LOADED'}: others took {median:.0%} of the processors"
            + spread)


def where_words(where, seconds):
    return (f"Commit {where['commit']}; kernel {where['kernel']}; {where['machine']}; "
            f"{where['load']}. It took {datetime.timedelta(seconds=round(seconds))}.\n")


def day(seconds):
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


def verdict_words(chunks):
    harm = sum(total(chunks, key) for key in HARMS)
    if harm > 0:
        return f"HARMED: {harm} findings."
    if total(chunks, "hits") * 10 < total(chunks, "kills") * 9:
        return "INCONCLUSIVE: fewer than 90 % of the kills met a request in flight."
    return "Clean: every request completed once, with the right data."


def storm(chunks, shapes, where):
    by_shape = {name: [chunk for chunk in chunks if chunk["shape"] == name] for name in shapes}
    by_shape = {name: some for name, some in by_shape.items() if some}
    where = where | {"load": load_words([chunk["others"] for chunk in chunks])}
    counts = [["shape", "kills", "met requests", "in flight, median", "requests", "replayed",
               *HARMS, "each took"],
              *(counts_row(name, some) for name, some in by_shape.items()),
              counts_row("all", chunks)]
    times = [["shape", "gap to the first completion, ms", *PER_MILLE],
             *(gap_row(name, some, start) for name, some in by_shape.items() for start in GAPS)]
    commands = "".join(f"    {name}: {shapes[name]}\n" for name in by_shape)
    return "\n".join([
        f"## {total(chunks, 'kills'):,} kills, {day(chunks[-1]['when'])}\n",
        verdict_words(chunks) + " " + where_words(where, sum(c["seconds"] for c in chunks)),
        table(counts), table(times), f"The shapes, `holdfast drill` with:\n\n{commands}"])


def fuzzing_row(name, chunks):
    depths = {}
    for chunk in chunks:
        for depth, count in chunk["depths"].items():
            depths[depth] = depths.get(depth, 0) + count
    last = chunks[-1]
    return [name, f"{sum(chunk['cpu_s'] for chunk in chunks):,.1f}", f"{len(chunks)}",
            f"{sum(chunk['inputs'] for chunk in chunks):,}", f"{last['corpus']:,}",
            f"{last['coverage']:,}", f"{last['features']:,}",
            "; ".join(f"{depth}: {count:,}" for depth, count in depths.items())]


def fuzzing(chunks, targets, seconds, where):
    rows = [["target", "processor s", "pieces", "inputs", "corpus", "coverage", "features",
             "inputs that got so deep"],
            *(fuzzing_row(name, [chunk for chunk in chunks if chunk["target"] == name])
              for name in targets)]
    where = where | {"load": load_words([chunk["others"] for chunk in chunks], "pieces")}
    took = where_words(where, sum(chunk["seconds"] for chunk in chunks))
    return "\n".join([
        f"## Fuzzing, {seconds:,g} s of processor time a target, {day(chunks[-1]['when'])}\n",
        f"Green: no input broke a promise of its target. Begun {day(chunks[0]['when'])}. {took}",
        table(rows)])


def note(title, seconds, words, where):
    where = where | {"load": load_words([where["others"]])}
    said = "".join(f"    {word}\n" for word in words)
    today = datetime.date.today().isoformat()
    return f"## {title}, {today}\n\n{where_words(where, seconds)}\n{said}"
