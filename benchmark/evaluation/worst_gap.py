"""Whether accuracy differs between subgroups of the images by more than chance makes it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.evaluation.intervals import group_numbers

PERMUTATIONS = 1999

Counts = NDArray[np.int64]


def worst_gap(hits: ArrayLike, values: Sequence[Hashable]) -> float:
    """Largest less smallest share of hits among the subgroups, in [0, 1].

    Args:
        hits: N booleans.
        values: The subgroup of each; at least one.
    """
    member = group_numbers(values)
    shares = np.bincount(member, weights=np.asarray(hits, dtype=bool)) / np.bincount(member)
    return float(shares.max() - shares.min())


def gap_test(
    hits: ArrayLike,
    values: Sequence[Hashable],
    patients: Sequence[Hashable],
    *,
    seed: int,
    permutations: int = PERMUTATIONS,
) -> float:
    """Permutation test of the worst gap: p-value of "whether an image is a hit has nothing to do with its subgroup".

    Under that hypothesis patients of one subgroup could as well be of another, and images of one patient that are of
    several, such as two views, could have theirs exchanged. So subgroups are permuted among the patients whose images
    are all of one, each with all images, and among the images of every other patient; the statistic is `worst_gap`, and
    p = (1 + permutations with a gap as large) / (1 + permutations), which is exact at any sample size (Phipson and
    Smyth 2010, "Permutation p-values should never be zero"). Permutations are drawn as what they amount to: tables with
    given sums, of which patient, by its images and hits, gets which subgroup (Patefield 1981, algorithm AS 159).

    Args:
        hits: N booleans.
        values: The subgroup of each image; two or more occur.
        patients: The patient of each image.
        seed: Of the permutations.
        permutations: How many are drawn.

    Returns:
        p in (0, 1].
    """
    outcomes, member = np.asarray(hits, dtype=bool), group_numbers(values)
    observed = worst_gap(outcomes, values)
    count = int(member.max()) + 1
    generator = np.random.default_rng(seed)
    images, found = np.zeros((2, permutations, count), dtype=np.int64)
    for units in _exchangeable(outcomes, member, group_numbers(patients)):
        drawn = _permuted(units, count, permutations, generator)
        for (size, hit), table in drawn:
            images += size * table
            found += hit * table
    shares = found / images
    # Equal gaps may be rounded apart.
    extreme = int((shares.max(1) - shares.min(1) >= observed - 1e-12).sum())
    return (1 + extreme) / (1 + permutations)


def holm(values: Sequence[float]) -> list[float]:
    """P-values that hold for all tests together (Holm 1979, "A simple sequentially rejective multiple test procedure").

    The k-th smallest of m becomes m − k + 1 times itself, at least the one before it and at most 1.
    """
    adjusted, least = [0.0] * len(values), 0.0
    for rank, at in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = min(1.0, max(least, (len(values) - rank) * values[at]))
        adjusted[at] = least
    return adjusted


Unit = tuple[int, int, int]
"""What has a subgroup: its images, the hits among them, the number of the subgroup."""


def _exchangeable(hits: NDArray[np.bool_], member: Counts, patient: Counts) -> Iterator[list[Unit]]:
    """Units among which subgroups are permuted: patients with one, all together; images of each other patient."""
    own: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(patient.tolist()):
        own[number].append(row)
    whole: list[Unit] = []
    for rows in own.values():
        of = set(member[rows].tolist())
        if len(of) == 1:
            whole.append((len(rows), int(hits[rows].sum()), of.pop()))
        else:
            yield [(1, int(hits[row]), int(member[row])) for row in rows]
    if whole:
        yield whole


def _permuted(
    units: list[Unit], count: int, permutations: int, generator: np.random.Generator
) -> Iterator[tuple[tuple[int, int], Counts]]:
    """(images, hits) of a kind of unit, and how many of its units have each subgroup: [permutations, count]."""
    # Loading it takes longer than most boards take to print.
    from scipy.stats import random_table

    kinds = Counter((size, hit) for size, hit, _ in units)
    places = np.bincount([value for _, _, value in units], minlength=count)
    if len(kinds) == 1:
        yield next(iter(kinds)), np.broadcast_to(places, (permutations, count))
        return
    drawn = random_table.rvs(list(kinds.values()), places, size=permutations, random_state=generator)
    tables = np.asarray(drawn, dtype=np.int64).reshape(permutations, len(kinds), count)
    for number, kind in enumerate(kinds):
        yield kind, tables[:, number]
