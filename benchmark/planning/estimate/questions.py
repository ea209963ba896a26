"""How many questions a step asks of its models: from the plan alone, whatever a question takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatch

from attacks.base import Stop
from attacks.gradients.base import GradientEstimator
from benchmark.core.threat import Access
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_cost import followed, unfitted
from benchmark.steps.base import Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.diagnose import DiagnoseStep
from benchmark.steps.features import FeaturesStep
from benchmark.steps.fit import FitStep
from benchmark.steps.probe import ProbeStep
from benchmark.steps.replay import VERSIONS
from benchmark.steps.study import StudyStep
from benchmark.steps.train import TrainStep
from benchmark.steps.verdict import ALONE

STANDING = 0.5
"""Share of an attack's questions that are asked where it ends at the first success: none fall early, or all do."""

_SHOWN_VERSIONS = 2
"""Images as submitted and as stored."""

_FLAG_ATTACKS, _FLAG_DECISIONS = 14, 800
"""What all flags take together for an image that never falls, as runs of the shipped suites showed: how many times
the steps of the row's longest attack, and how many decisions."""


@dataclass(frozen=True)
class Questions:
    """What a step asks, over all its images.

    Attributes:
        fit: The defended model.
        draws: Answers of it to one image under one draw each, without a gradient.
        gradients: Gradients through it for one image, by how they are taken; all draws of one belong together.
        proxies: Gradients of undefended classifiers for one image, by the step that trained them.
        processes: Fresh processes that answer.
    """

    fit: FitStep | None = None
    draws: float = 0
    gradients: tuple[tuple[GradientEstimator, float], ...] = ()
    proxies: tuple[tuple[TrainStep, float], ...] = field(default=())
    processes: int = 0


@singledispatch
def questions(step: Step) -> Questions:
    """What a step asks; nothing where it is not a step that asks."""
    del step
    return Questions()


@questions.register
def _clean(step: CleanStep) -> Questions:
    model = unfitted(step.fit.defense)
    repeats = step.replicates if model.randomized else 1
    return Questions(step.fit, step.images * repeats * _votes(step.fit), processes=repeats)


@questions.register
def _features(step: FeaturesStep) -> Questions:
    return Questions(step.fit, step.images)


@questions.register
def _attack(step: AttackStep) -> Questions:
    fit, images = step.clean.fit, step.clean.images
    effort, estimators = step.attack.effort(step.norm, step.epsilon.value), step.estimators(fit.defense.surrogates)
    standing = images * (STANDING if step.stop is Stop.FIRST_SUCCESS else 1)
    draws = standing * effort.queries * _votes(fit) * len(estimators)
    if step.deceived is not None and not step.deceived.differentiable:
        draws += standing * effort.detector_questions
    gradients = [(estimator, standing * effort.gradients) for estimator in estimators if effort.gradients]
    # What was made on other classifiers is submitted as it is, and never ends early.
    proxies = [(proxy, images * effort.proxies / len(step.proxies)) for proxy in step.proxies if effort.proxies]
    return Questions(fit, draws + _verdict_draws(step, estimators), tuple(gradients), tuple(proxies), _processes(step))


@questions.register
def _probe(step: ProbeStep) -> Questions:
    fit, images = step.clean.fit, min(step.images, step.clean.images)
    gradients = ((step.gradient, _FLAG_ATTACKS * step.steps * images),)
    return Questions(fit, _FLAG_DECISIONS * images * _votes(fit), gradients)


@questions.register
def _diagnose(step: DiagnoseStep) -> Questions:
    fit, images = step.clean.fit, min(step.images, step.clean.images)
    looks = 2 * step.steps * images
    pairs = 2 * images * fit.defense.purifier
    return Questions(fit, (looks + pairs) * _votes(fit), ((step.gradient, looks),))


@questions.register
def _study(step: StudyStep) -> Questions:
    fit, cost = step.clean.fit, step.clean.fit.defense.purify_passes
    passes = step.passes()
    # Its passes are told without what they are of; each counts as its share of an answer.
    return Questions(fit, (passes.forwards + passes.backwards) / (1 + cost.forwards + cost.backwards))


def _votes(fit: FitStep) -> int:
    """Draws of one decision."""
    model = unfitted(fit.defense)
    return model.votes if model.randomized else 1


def _verdict_draws(step: AttackStep, estimators: Sequence[GradientEstimator]) -> int:
    """Answers of the fresh processes that decide on what an attack submits, and repeat some of its questions."""
    fit, images = step.clean.fit, step.clean.images
    model = unfitted(fit.defense)
    repeats = step.replicates if model.randomized else 0
    decisions = images * (_SHOWN_VERSIONS + repeats) + min(ALONE, images)
    asked = [
        (estimator, followed(estimator.draws, model.purify_passes, model.decision_passes)) for estimator in estimators
    ]
    told = step.attack.access is not Access.SURROGATE
    return decisions * _votes(fit) + told * sum(min(images, count) * VERSIONS * e.draws for e, count in asked)


def _processes(step: AttackStep) -> int:
    randomized = unfitted(step.clean.fit.defense).randomized
    return _SHOWN_VERSIONS + VERSIONS + 1 + (step.replicates if randomized else 0)
