"""Robust accuracy against ε, from what the reliability probe found at multiples of the row's ε."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.flags.base import FAILED
from benchmark.evaluation.flags.eps_monotone import EpsMonotone
from benchmark.evaluation.intervals import Estimate, wilson
from leaderboard.epsilon.schema import EpsilonCurve, EpsilonPoint
from leaderboard.reading import alone
from leaderboard.results import Results
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow


def epsilon_curves(results: Results) -> tuple[EpsilonCurve, ...]:
    """A curve for each row of the robustness table whose probe measured one, in the table's order.

    What is wrong with a probe stands at the row's flags.
    """
    read = (
        alone(lambda r=row: _of_row(r, results), lambda _: None)  # type: ignore[misc]
        for row in results.once(robustness_rows)
    )
    return tuple(curve for curve in read if curve is not None)


def _of_row(row: RobustnessRow, results: Results) -> EpsilonCurve | None:
    probe = next((c for c in results.run.of("probe") if c.defense == row.defense and c.status == "done"), None)
    if probe is None or row.clean is None:
        return None
    measured = results.store.record(probe.done_key).results["measurements"].get(EpsMonotone.id)
    if measured is None or FAILED in measured:
        return None
    return epsilon_curve(row, row.clean, measured)


def epsilon_curve(row: RobustnessRow, clean: Estimate, measured: dict[str, Any]) -> EpsilonCurve:
    """The curve of a row.

    The probe attacks n images of those that are right on clean input, which n / c images had to be looked at for when a
    share c of them is right. So s that stand are s of n / c, and that share has a Wilson interval; c itself is known
    from more images than these, so that it is rather too wide. The largest possible ε, which comes last, is a check of
    the attack and no perturbation that anybody would allow.

    Args:
        row: The row.
        clean: Its accuracy c without an attack.
        measured: What the flag eps_monotone measured.
    """
    probed: int = measured["n"]
    trials = probed / clean.value
    counted = list(zip(measured["epsilon"], measured["standing"], strict=True))[:-1]
    points = (EpsilonPoint(e, s, Estimate(s / trials, wilson(s, trials))) for e, s in counted)
    return EpsilonCurve(row.defense, probed, row.n, clean, tuple(points), row.worst)
