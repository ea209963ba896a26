"""Seconds that each step of a plan takes: the questions it asks, at the pace measured here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from benchmark.planning.estimate.detectors import detector_seconds
from benchmark.planning.estimate.measure import Machine, Pace
from benchmark.planning.estimate.questions import Questions, questions
from benchmark.planning.plan import Plan
from benchmark.steps.base import Step
from benchmark.steps.detect import DetectStep
from benchmark.steps.fit import FitStep
from benchmark.steps.learn import LearnStep
from benchmark.steps.retrained import RetrainedStep
from benchmark.steps.train import TrainStep
from defenses.none import NoDefense

_PROCESS = {"cpu": 0.1}
"""Seconds that a fresh process takes beside what it is asked."""

_PROCESS_OF_A_GPU = 3.0
_PROXY = Autograd()

T = TypeVar("T")


class Costs:
    """What the steps of a plan cost; each model is measured once, when first asked for.

    Args:
        plan: The plan.
        machine: Where it runs.
    """

    def __init__(self, plan: Plan, machine: Machine) -> None:
        self._steps = {step.key: step for step in plan.steps}
        self._machine = machine
        self._asked = {key: questions(step) for key, step in self._steps.items()}
        self._gradients: defaultdict[str, dict[str, GradientEstimator]] = defaultdict(dict)
        for asked in self._asked.values():
            if asked.fit is not None:
                self._gradients[_model(asked.fit)] |= {repr(estimator): estimator for estimator, _ in asked.gradients}
            for train, _ in asked.proxies:
                self._gradients[_model(_undefended(train))][repr(_PROXY)] = _PROXY
        self._known: dict[str, object] = {}

    def by_step(self, wanted: Callable[[Step], bool] = lambda _: True) -> dict[str, float]:
        """Seconds by key of the steps that are wanted; those that could not be measured are missing."""
        steps = [step for step in self._steps.values() if wanted(step)]
        return {step.key: seconds for step in steps if (seconds := self.seconds(step)) is not None}

    def seconds(self, step: Step) -> float | None:
        """Seconds that a step takes; None where what it rests on could not be measured."""
        if isinstance(step, RetrainedStep):
            return 0.0
        if isinstance(step, TrainStep):
            return self._once(f"train {step.classifier!r}", lambda: self._machine.training_seconds(step))
        if isinstance(step, LearnStep):
            pace = self._pace(FitStep(step.train, "", step.defense, step.seed))
            return None if pace is None else pace.fit
        if isinstance(step, FitStep):
            pace = self._pace(step)
            return None if pace is None else 0.0 if step.learnt_apart else pace.fit
        if isinstance(step, DetectStep):
            name = f"{step.detector!r} {_model(step.features.fit)} {step.attack.clean.images}"
            return self._once(name, lambda: detector_seconds(self._machine, step))
        return self._answering(self._asked[step.key])

    def _answering(self, asked: Questions) -> float | None:
        if asked.fit is None:
            return 0.0
        pace = self._pace(asked.fit)
        if pace is None:
            return None
        total = asked.draws * pace.draw + asked.processes * _PROCESS.get(self._machine.device.type, _PROCESS_OF_A_GPU)
        total += sum(count * pace.gradients.get(repr(estimator), 0.0) for estimator, count in asked.gradients)
        for train, count in asked.proxies:
            own = self._pace(_undefended(train))
            if own is None:
                return None
            total += count * own.gradients.get(repr(_PROXY), 0.0)
        return total

    def _pace(self, fit: FitStep) -> Pace | None:
        estimators = list(self._gradients[_model(fit)].values())
        return self._once(f"fit {_model(fit)}", lambda: self._machine.pace(fit, estimators))

    def _once(self, name: str, measure: Callable[[], T]) -> T:
        if name not in self._known:
            self._known[name] = measure()
        return self._known[name]  # type: ignore[return-value]


def _model(fit: FitStep) -> str:
    """What models have in common that take equally long: their seeds and labels play no part."""
    return f"{fit.train.classifier!r} {fit.defense!r}"


def _undefended(train: TrainStep) -> FitStep:
    return FitStep(train, "none", NoDefense(), 0)
