# SPDX-License-Identifier: BSD-3-Clause
"""By what factor one side of pairs differs from the other, and how sure that is: the
Hodges-Lehmann estimate of the factor, with the exact interval of Wilcoxon's signed ranks. It asks of
the pairs' factors only that they lie symmetrically (on a logarithmic scale), draws nothing at random,
and says with seven pairs what it can say, where a bootstrap would say too much."""

import itertools
import math
import statistics

CONFIDENCE = 0.95


def rank_sums(pairs):
    """How many of the 2^pairs ways to choose ranks have each sum."""
    counts = [1]
    for rank in range(1, pairs + 1):
        longer = counts + [0] * rank
        for at, count in enumerate(counts):
            longer[at + rank] += count
        counts = longer
    return counts


def place(pairs):
    """The ends of the interval are the k-th mean from below and from above: k, and how often such an
    interval has the true factor in it. None: there are too few pairs."""
    outside, found = 0, None
    for below, count in enumerate(rank_sums(pairs)):
        outside += count
        if 2 * outside / 2 ** pairs > 1 - CONFIDENCE:
            break
        found = below + 1, 1 - 2 * outside / 2 ** pairs
    return found


FEWEST = next(pairs for pairs in itertools.count(2) if place(pairs))


def interval(firsts, seconds):
    """Factor, least and most, of `seconds` to `firsts`, pair by pair."""
    logs = [math.log(second / first) for first, second in zip(firsts, seconds)]
    means = sorted((one + other) / 2
                   for one, other in itertools.combinations_with_replacement(logs, 2))
    k = place(len(logs))[0]
    return tuple(map(math.exp, (statistics.median(means), means[k - 1], means[-k])))
