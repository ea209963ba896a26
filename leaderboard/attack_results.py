"""What one attack of a robustness row came to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmark.core.threat import Norm
from benchmark.evaluation.intervals import share_of
from benchmark.records.store import Store
from leaderboard.schema import AttackResult, Spread


def perturbation(cell: dict[str, Any]) -> str:
    """The perturbation that a cell allows, e.g. "L∞ 8/255"; empty where it has no threat model."""
    return f"{Norm(cell['threat']['norm']).symbol} {cell['threat']['epsilon']}" if cell["threat"] else ""


def without_result(cell: dict[str, Any], status: str, reason: str) -> AttackResult:
    """A cell that is not done, or whose records cannot be read."""
    return AttackResult(
        attack=cell["attack"],
        status=status,
        reason=reason,
        robust=None,
        success=None,
        stored=None,
        kept=None,
        bound=perturbation(cell),
        seconds=None,
        fresh=None,
        forwards=None,
        backwards=None,
        threat=cell["threat"]["sentence"] if cell["threat"] else "",
    )


def attack_result(cell: dict[str, Any], samples: pd.DataFrame, store: Store) -> AttackResult:
    """A finished cell, from its records of every evaluation image."""
    attacked = samples[samples["attacked"]]
    broken = attacked[~attacked["robust"]]
    record = store.record(cell["key"])
    return AttackResult(
        attack=cell["attack"],
        status="done",
        reason="",
        robust=share_of(samples["robust"], samples["group"].tolist()),
        success=share_of(~attacked["robust"], attacked["group"].tolist()) if len(attacked) else None,
        stored=share_of(samples["clean_right"] & samples["stored_right"], samples["group"].tolist()),
        kept=share_of(~broken["stored_right"], broken["group"].tolist()) if len(broken) else None,
        bound=perturbation(cell),
        seconds=record.seconds,
        fresh=spread(samples, len(record.results["accuracy"])),
        forwards=float(attacked["forwards"].mean()) if len(attacked) else 0.0,
        backwards=float(attacked["backwards"].mean()) if len(attacked) else 0.0,
        threat=cell["threat"]["sentence"] if cell["threat"] else "",
    )


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


def row_threat(done: list[dict[str, Any]]) -> str:
    """The sentence of the row: that of its attacks where they agree, with all budgets, perturbation sets and goals."""
    informed = [c for c in done if c["threat"]["knows_defense"]] or done
    if not informed:
        return "No attack was run."
    first = next((c for c in informed if c["threat"]["access"] == "gradient"), informed[0])["threat"]
    goals = {c["attack"]: _goal(c["threat"]) for c in done}
    mixed = len(set(goals.values())) > 1
    budgets = "; ".join(f"{c['attack']}: {c['threat']['budget']}" + f", {goals[c['attack']]}" * mixed for c in done)
    allowed = list(dict.fromkeys(c["threat"]["allowed"] for c in done))
    bounds = (
        allowed[0] if len(allowed) == 1 else f"the worst of {len(allowed)} perturbation sets ({'; '.join(allowed)})"
    )
    sentence = str(first["sentence"]).replace(first["allowed"], bounds)
    if mixed:
        sentence = sentence.replace(f", {_goal(first)}; the attacker", ", each attack with its own goal; the attacker")
    return sentence.replace(f"budget: {first['budget']}.", f"budget: {budgets}.")


def _goal(threat: dict[str, Any]) -> str:
    return f"{threat['goal']} at {threat['target']}" if threat["target"] else str(threat["goal"])
