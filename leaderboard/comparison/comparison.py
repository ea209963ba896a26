"""What two rows keep, compared on the images that both saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmark.core.errors import UserError
from benchmark.evaluation.intervals import Estimate, group_numbers, share_of
from benchmark.evaluation.paired import mcnemar_exact, paired_difference
from leaderboard.comparison.side import Side
from leaderboard.ranking.ranks import LEVEL, swap_test

_SEED = 0
"""Of the random swaps, where patients have several images and are many."""


@dataclass(frozen=True)
class Comparison:
    """Two rows on the same images.

    Attributes:
        first, second: Their names.
        n: Images that both saw.
        robust_first, robust_second: Worst-case robust accuracy on them.
        difference: The first less the second.
        only_first, only_second: Images that only one of them keeps.
        p: Two-sided, of "both keep equally many": McNemar's exact test; where patients have several images, the test
            that swaps the two rows' outcomes patient by patient.
        test: Which of the two it is.
        notes: What must be known of the comparison.
    """

    first: str
    second: str
    n: int
    robust_first: Estimate
    robust_second: Estimate
    difference: Estimate
    only_first: int
    only_second: int
    p: float
    test: str
    notes: tuple[str, ...]

    @property
    def apart(self) -> bool:
        """Whether the rows are told apart: the test says so, and the interval of the difference leaves 0 out."""
        interval = self.difference.interval
        return self.p < LEVEL and not interval.low <= 0 <= interval.high


def compare(first: Side, second: Side) -> Comparison:
    """Two rows image by image.

    Raises:
        UserError: They are not comparable: other data, classes, profile, protocol, perturbations or goals, or no image
            in common.
    """
    differing = list(_differing(first, second))
    if differing:
        raise UserError(
            f"{first.name} and {second.name} are not comparable: {'; '.join(differing)}",
            remedy="compare rows of the same data, profile, norm, ε and goal",
        )
    common = first.images.index.intersection(second.images.index, sort=False)
    if not len(common):
        raise UserError(
            f"{first.name} and {second.name} have no image in common", remedy="run both with the same --limit and seed"
        )
    one, other = (side.images.loc[common] for side in (first, second))
    a, b, groups = one["robust"].to_numpy(dtype=bool), other["robust"].to_numpy(dtype=bool), one["group"].tolist()
    patients = group_numbers(groups)
    alone = len(np.unique(patients)) == len(patients)
    advantage = (a.astype(np.float64) - b) / len(a)
    p = mcnemar_exact(a, b) if alone else swap_test(advantage, patients, np.random.default_rng(_SEED))
    return Comparison(
        first=first.name,
        second=second.name,
        n=len(common),
        robust_first=share_of(a, groups),
        robust_second=share_of(b, groups),
        difference=paired_difference(a, b, groups),
        only_first=int((a & ~b).sum()),
        only_second=int((b & ~a).sum()),
        p=p,
        test="McNemar's exact test" if alone else "sign test that swaps whole patients",
        notes=tuple(_notes(first, second, len(common))),
    )


def _differing(first: Side, second: Side) -> Iterator[str]:
    for what, one, other in (
        ("data", first.run.data.fingerprint[:16], second.run.data.fingerprint[:16]),
        ("classes", ", ".join(first.run.data.classes), ", ".join(second.run.data.classes)),
        ("profile", first.run.suite.profile, second.run.suite.profile),
        ("protocol", str(first.run.suite.protocol), str(second.run.suite.protocol)),
        ("attacks within", ", ".join(sorted(first.allowed)), ", ".join(sorted(second.allowed))),
    ):
        if one != other:
            yield f"{what} {one} against {other}"


def _notes(first: Side, second: Side, common: int) -> Iterator[str]:
    for one, other in ((first, second), (second, first)):
        if common < len(one.images):
            yield f"{len(one.images) - common} images of {one.name} are left out, which the other did not see"
        if further := sorted(one.attacks - other.attacks):
            yield f"{one.name} alone was attacked by {', '.join(further)}"
    if first.run.medrobust != second.run.medrobust:
        yield f"medrobust {first.run.medrobust} against {second.run.medrobust}"
