"""Robust accuracy by subgroup, and whether the subgroups differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmark.evaluation.intervals import share_of
from benchmark.evaluation.worst_gap import gap_test, holm, worst_gap
from benchmark.records.subgroups import column_of, read_subgroups
from leaderboard.reading import attack_samples, clean_samples
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.robustness.worst_case import worst_case
from leaderboard.subgroups.schema import GapTest, SubgroupRow

LEAST = 20
"""Images that a value needs to be tested; the accuracy of fewer is a gap by itself."""


def subgroup_rows(results: Results) -> tuple[SubgroupRow, ...]:
    """A row for each defense whose records can be read, each column and each value, in the order of robustness.

    Raises:
        UserError: The file of the subgroups is not what was written.
    """
    if results.run.data.subgroups is None:
        return ()
    known, rows = read_subgroups(results.run, results.store), results.once(robustness_rows)
    return tuple(line for row in rows if row.clean is not None for line in _of_defense(row, known, results))


def _of_defense(row: RobustnessRow, known: pd.DataFrame, results: Results) -> Iterator[SubgroupRow]:
    cells = [c for c in results.run.of("robustness") if c.defense == row.defense and c.status == "done"]
    clean = clean_samples(results, next(c.done_key for c in cells if c.attack == "clean"))
    stands = None
    if row.worst is not None:
        attacks = [attack_samples(results, c.done_key, clean) for c in cells if c.attack != "clean"]
        stands = worst_case(clean, attacks)["robust"].to_numpy(dtype=bool)
    of_images = known.loc[clean["sample_id"].tolist()]
    assert results.run.data.subgroups is not None
    columns = {name: of_images[column_of(name)].to_numpy() for name in results.run.data.subgroups.columns}
    groups = clean["group"].to_numpy()
    tests = {} if stands is None else _tests(columns, stands, groups, results.run.seed)
    right = clean["clean_right"].to_numpy(dtype=bool)
    for name, values in columns.items():
        for value in sorted(set(values)):
            own = values == value
            patients = groups[own].tolist()
            yield SubgroupRow(
                defense=row.defense,
                column=name,
                value=value,
                n=int(own.sum()),
                patients=len(set(patients)),
                tested=int(own.sum()) >= LEAST,
                clean=share_of(right[own], patients),
                robust=None if stands is None else share_of(stands[own], patients),
                test=tests.get(name),
            )


def _tests(
    columns: dict[str, NDArray[np.object_]], stands: NDArray[np.bool_], groups: NDArray[np.object_], seed: int
) -> dict[str, GapTest]:
    """The test of each column that has two values with enough images."""
    tests = {}
    for name, values in columns.items():
        present, counts = np.unique(values, return_counts=True)
        enough = np.isin(values, present[counts >= LEAST])
        hits, own = stands[enough], values[enough].tolist()
        if len(set(own)) > 1:
            p = gap_test(hits, own, groups[enough].tolist(), seed=seed)
            tests[name] = GapTest(worst_gap(hits, own), p, p)
    adjusted = holm([test.p for test in tests.values()])
    return {name: replace(test, p_holm=p) for (name, test), p in zip(tests.items(), adjusted, strict=True)}
