"""A defense in front of the classifier that it protects."""

from __future__ import annotations

from benchmark.core.errors import UserError
from benchmark.planning.context import Context
from benchmark.steps.fit import FitStep
from benchmark.steps.retrained import RetrainedStep
from benchmark.steps.train import TrainStep
from defenses.base import Defense


def fit_step(context: Context, label: str, defense: Defense, train: TrainStep) -> FitStep:
    """The step that fits a defense of the suite to its classifier, or to the one that another defense retrained.

    Args:
        context: The suite and the data.
        label: The defense's label.
        defense: The defense.
        train: The suite's classifier.

    Raises:
        UserError: The table stands in front of a defense that does not retrain, or has a purifier of its own.
    """
    behind = context.suite.defense[label].in_front_of
    if behind is None:
        return FitStep(train, label, defense, context.seed)
    other = context.defense(behind, context.suite.defense[behind])
    if not other.retrains or other.purifier:
        raise UserError(
            f"{behind!r} leaves the classifier as it is" if not other.retrains else f"{behind!r} has its own purifier",
            where=f"{context.where}: defense.{label}.in_front_of",
            remedy="name a defense that retrains the classifier and does nothing else",
        )
    return FitStep(RetrainedStep.of(FitStep(train, behind, other, context.seed)), label, defense, context.seed)
