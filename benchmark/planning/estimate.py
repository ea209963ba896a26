"""What a run will cost, before it begins."""

from __future__ import annotations

import time
from statistics import mean

import torch

from benchmark.core.batching import BatchSize
from benchmark.core.images import ImageData
from benchmark.core.threat import Access
from benchmark.models.base import Classifier
from benchmark.models.training.classifier import assemble
from benchmark.planning.plan import Plan
from benchmark.steps.attack import AttackStep
from benchmark.steps.base import Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.train import TrainStep


def cell_estimates(
    plan: Plan, data: ImageData, device: torch.device, batch_size: BatchSize
) -> tuple[list[list[str]], str]:
    """(one row per cell with its passes and time, total time in words).

    Passes are what images cost that no attack breaks; `attack_passes` says what they leave out. Time is passes at the
    speed of the untrained classifiers, measured for a moment, as if a purifier's networks were as large; training and
    fitting are not in it, so it is an order of magnitude.
    """
    speeds = _Speeds(data, device, batch_size)
    seen: set[str] = set()
    rows, total = [], 0.0
    for cell in plan.cells:
        if cell.step is None:
            rows.append([cell.table, cell.defense, cell.attack, cell.detector, "–", "–", f"skipped: {cell.reason}"])
            continue
        fresh = [s for s in (cell.step, *cell.step.needs) if s.key not in seen]
        seen |= {s.key for s in fresh}
        forwards, backwards = _passes(fresh)
        cost = sum(_seconds(step, plan, speeds) for step in fresh)
        total += cost
        rows.append(
            [cell.table, cell.defense, cell.attack, cell.detector, f"{forwards:,}", f"{backwards:,}", _words(cost)]
        )
    return rows, _words(total)


def _passes(steps: list[Step]) -> tuple[int, int]:
    costs = [step.passes() for step in steps]
    return sum(c.forwards for c in costs), sum(c.backwards for c in costs)


class _Speeds:
    """Seconds that a forward pass of one image takes, by classifier; each is measured once."""

    def __init__(self, data: ImageData, device: torch.device, batch_size: BatchSize) -> None:
        self.data = data
        self.device = device
        self.batch_size = batch_size
        self._known: dict[str, float] = {}

    def __getitem__(self, classifier: Classifier) -> float:
        name = repr(classifier)
        if name not in self._known:
            self._known[name] = self._measure(classifier)
        return self._known[name]

    def _measure(self, classifier: Classifier) -> float:
        shape, classes = self.data.train.shape, len(self.data.classes)
        model = assemble(classifier, shape=shape, classes=classes).to(self.device).eval()
        rows = min(self.batch_size.size, len(self.data.evaluation))
        images = self.data.evaluation.floats(slice(0, rows), device=self.device)
        with torch.no_grad():
            model(images)
            started, repeats = time.perf_counter(), 3
            for _ in range(repeats):
                float(model(images).sum())
        return (time.perf_counter() - started) / (repeats * rows)


def _seconds(step: Step, plan: Plan, speeds: _Speeds) -> float:
    """Time of a step at the mean speed of the classifiers that it asks."""
    passes = step.passes()
    if not (passes.forwards or passes.backwards):
        return 0.0
    return mean(speeds[train.classifier] for train in _asked(step, plan)) * (passes.forwards + 2 * passes.backwards)


def _asked(step: Step, plan: Plan) -> tuple[TrainStep, ...]:
    """The classifiers through which the passes go: for images crafted on others than the victim, those."""
    if isinstance(step, AttackStep) and step.attack.access is Access.SURROGATE:
        return step.proxies
    if isinstance(step, AttackStep | CleanStep):
        return ((step.clean if isinstance(step, AttackStep) else step).fit.train,)
    return (next(s for s in plan.steps if isinstance(s, TrainStep)),)


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
