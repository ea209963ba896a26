"""What one attack of a robustness row came to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmark.core.threat import Access
from benchmark.evaluation.intervals import share_of
from benchmark.records.run_record import CellRecord
from benchmark.records.store import Store
from leaderboard.robustness.schema import AttackResult, Spread


def without_result(cell: CellRecord, status: str, reason: str) -> AttackResult:
    """A cell that is not done, or whose records cannot be read."""
    return AttackResult(
        attack=cell.attack,
        status=status,
        reason=reason,
        robust=None,
        success=None,
        stored=None,
        kept=None,
        bound=cell.perturbation,
        seconds=None,
        fresh=None,
        forwards=None,
        backwards=None,
        threat=cell.sentence,
        gradient=_informed_gradient(cell),
    )


def attack_result(cell: CellRecord, samples: pd.DataFrame, store: Store) -> AttackResult:
    """A finished cell, from its records of every evaluation image."""
    attacked = samples[samples["attacked"]]
    broken = attacked[~attacked["robust"]]
    record = store.record(cell.done_key)
    return AttackResult(
        attack=cell.attack,
        status="done",
        reason="",
        robust=share_of(samples["robust"], samples["group"].tolist()),
        success=share_of(~attacked["robust"], attacked["group"].tolist()) if len(attacked) else None,
        stored=share_of(samples["clean_right"] & samples["stored_right"], samples["group"].tolist()),
        kept=share_of(~broken["stored_right"], broken["group"].tolist()) if len(broken) else None,
        bound=cell.perturbation,
        seconds=record.seconds,
        fresh=spread(samples, len(record.results["accuracy"])),
        forwards=float(attacked["forwards"].mean()) if len(attacked) else 0.0,
        backwards=float(attacked["backwards"].mean()) if len(attacked) else 0.0,
        threat=cell.sentence,
        gradient=_informed_gradient(cell),
    )


def _informed_gradient(cell: CellRecord) -> str:
    facts = cell.facts
    informed = facts is not None and facts.access is Access.GRADIENT and facts.sees_defense
    return facts.gradient if facts is not None and informed else ""


def spread(samples: pd.DataFrame, draws: int) -> Spread | None:
    """Accuracy over fresh draws; None where there was one draw.

    Images that were not attacked count with their clean draws, so that clean and attacked images are comparable. The
    draws of different images are independent, so the accuracy of one draw of all varies by √Σ p(1 − p) / n, where p
    is how often an image is right; p(1 − p) is estimated from N draws with the factor N / (N − 1).
    """
    if draws < 2:
        return None
    right = samples["fresh_right"].to_numpy(dtype=np.float64)
    variance = float((right * (1 - right)).sum()) * draws / (draws - 1)
    return Spread(float(right.mean()), variance**0.5 / len(right), draws, float((right == 1).mean()))


def row_threat(done: list[CellRecord]) -> str:
    """The sentence of the row: that of its attacks where they agree, with all budgets, perturbation sets and goals."""
    models = {cell.attack: cell.threat for cell in done if cell.threat is not None}
    informed = [model for model in models.values() if model.knows_defense] or list(models.values())
    if not informed:
        return "No attack was run."
    first = next((model for model in informed if model.access is Access.GRADIENT), informed[0])
    mixed = len({model.aim for model in models.values()}) > 1
    budget = "; ".join(f"{attack}: {model.budget}" + f", {model.aim}" * mixed for attack, model in models.items())
    allowed = list(dict.fromkeys(model.allowed for model in models.values()))
    bound = allowed[0] if len(allowed) == 1 else f"the worst of {len(allowed)} perturbation sets ({'; '.join(allowed)})"
    return replace(first, bound=bound, budget=budget).sentence(aim="each attack with its own goal" if mixed else "")
