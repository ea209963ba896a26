"""What a run will cost, before it begins."""

from __future__ import annotations

import time

import torch

from benchmark.models.training import assemble
from benchmark.run import PreparedRun
from benchmark.steps.base import Step
from benchmark.steps.train import TrainStep


def cell_estimates(prepared: PreparedRun) -> tuple[list[list[str]], str]:
    """(one row per cell with its passes and time, total time in words).

    Passes are what images cost that no attack breaks; `attack_passes` says what they leave out. Time is passes at the
    speed of the untrained classifier, measured for a moment, as if a purifier's networks were as large; training and
    fitting are not in it, so it is an order of magnitude.
    """
    second = _seconds_per_forward(prepared)
    seen: set[str] = set()
    rows, total = [], 0.0
    for cell in prepared.plan.cells:
        if cell.step is None:
            rows.append([cell.table, cell.defense, cell.attack, cell.detector, "–", "–", f"skipped: {cell.reason}"])
            continue
        fresh = [s for s in (cell.step, *cell.step.needs) if s.key not in seen]
        seen |= {s.key for s in fresh}
        forwards, backwards = _passes(fresh)
        cost = second * (forwards + 2 * backwards)
        total += cost
        rows.append(
            [cell.table, cell.defense, cell.attack, cell.detector, f"{forwards:,}", f"{backwards:,}", _words(cost)]
        )
    return rows, _words(total)


def _passes(steps: list[Step]) -> tuple[int, int]:
    costs = [step.passes() for step in steps]
    return sum(c.forwards for c in costs), sum(c.backwards for c in costs)


def _seconds_per_forward(prepared: PreparedRun) -> float:
    train = next(step for step in prepared.plan.steps if isinstance(step, TrainStep))
    data = prepared.data
    model = assemble(train.classifier, shape=data.train.shape, classes=len(data.classes)).to(prepared.device).eval()
    rows = min(prepared.batch_size.size, len(data.evaluation))
    images = data.evaluation.floats(slice(0, rows), device=prepared.device)
    with torch.no_grad():
        model(images)
        started, repeats = time.perf_counter(), 3
        for _ in range(repeats):
            float(model(images).sum())
    return (time.perf_counter() - started) / (repeats * rows)


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
