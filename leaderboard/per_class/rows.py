"""What attacks leave of each class."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmark.evaluation.intervals import Estimate, share_of
from leaderboard.per_class.schema import ClassRow
from leaderboard.reading import attack_samples, clean_samples
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.robustness.worst_case import worst_case

Bools = NDArray[np.bool_]

GOALS = ("disease invented", "disease hidden")
"""What it is to turn an image of each of two classes, the healthy one first."""


def class_rows(results: Results) -> tuple[ClassRow, ...]:
    """A row for each defense whose records can be read and each class, in the order of the robustness table."""
    rows = results.once(robustness_rows)
    return tuple(line for row in rows if row.clean is not None for line in _of_defense(row, results))


def _of_defense(row: RobustnessRow, results: Results) -> Iterator[ClassRow]:
    cells = [c for c in results.run.of("robustness") if c.defense == row.defense and c.status == "done"]
    clean = clean_samples(results, next(c.done_key for c in cells if c.attack == "clean"))
    labels, right = clean["label"].to_numpy(), clean["clean_right"].to_numpy(dtype=bool)
    groups, stands = clean["group"].to_numpy(), None
    if row.worst is not None:
        attacks = [attack_samples(results, c.done_key, clean) for c in cells if c.attack != "clean"]
        stands = worst_case(clean, attacks)["robust"].to_numpy(dtype=bool)

    def share(hits: Bools | None, among: Bools) -> Estimate | None:
        return None if hits is None or not among.any() else share_of(hits[among], groups[among].tolist())

    names = results.run.data.classes
    for number, name in enumerate(names):
        own = labels == number
        yield ClassRow(
            defense=row.defense,
            name=name,
            goal=GOALS[number] if len(names) == 2 else "",
            n=int(own.sum()),
            clean=share(right, own),
            robust=share(stands, own),
            turned=share(None if stands is None else ~stands, own & right),
        )
