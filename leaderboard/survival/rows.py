"""Survival curves: robust accuracy after each step of an attack."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark.core.threat import Access
from benchmark.records.run_record import CellRecord
from leaderboard.reading import alone, checked
from leaderboard.results import Results
from leaderboard.survival.schema import SurvivalCurve

_COLUMNS = ("attacked", "robust", "broken_at")


def survival_curves(results: Results) -> tuple[SurvivalCurve, ...]:
    """A curve for every finished cell of the robustness table that has an attack, in the suite's order.

    One that cannot be read has no steps and says why.
    """
    return tuple(
        alone(
            lambda c=cell: survival_curve(c, checked(results.samples(c.done_key), _COLUMNS)),  # type: ignore[misc]
            lambda reason, c=cell: SurvivalCurve(  # type: ignore[misc]
                c.defense, c.attack, c.perturbation, 0, 0.0, (), (), followed=False, reason=reason
            ),
        )
        for cell in results.run.of("robustness")
        if cell.attack != "clean" and cell.status == "done"
    )


def survival_curve(cell: CellRecord, samples: pd.DataFrame) -> SurvivalCurve:
    """The curve of one attack.

    An image falls at the step of its first verified success. One that is not robust in the end and has no such step
    fell at a step that nobody knows, and counts as fallen at the last.

    Args:
        cell: The cell of the manifest; its facts say how many steps or queries the attack may take.
        samples: Its records: `attacked`, `robust` and `broken_at` of every evaluation image.
    """
    attacked = samples["attacked"].to_numpy(dtype=bool)
    fallen = attacked & ~samples["robust"].to_numpy(dtype=bool)
    broken_at = samples["broken_at"].to_numpy(dtype=np.int64)
    known = broken_at[fallen & (broken_at >= 0)]
    facts = cell.attack_facts
    allowed = max(facts.steps or 1, facts.queries or 1)
    # An attacker who does not ask the defended model cannot say when an image fell.
    sees = facts.access is not Access.SURROGATE and facts.sees_defense
    # Restarts, and the members of an ensemble, count on beyond the steps of one run.
    last = max(allowed, int(known.max(initial=0)))
    at = np.sort(np.where(broken_at[fallen] >= 0, broken_at[fallen], last))
    steps = np.unique(np.concatenate([[0, last], at]))
    standing = int(attacked.sum()) - np.searchsorted(at, steps, side="right")
    count = len(samples)
    return SurvivalCurve(
        defense=cell.defense,
        attack=cell.attack,
        bound=cell.perturbation,
        n=count,
        clean=int(attacked.sum()) / count,
        steps=tuple(steps.tolist()),
        accuracy=tuple((standing / count).tolist()),
        followed=(facts.steps or 0) > 1 and (len(known) > 0 or (sees and not fallen.any())),
    )
