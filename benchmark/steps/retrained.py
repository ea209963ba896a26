"""The classifier that a defense has retrained, for another defense to stand in front of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from benchmark.core.errors import UserError
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext
from benchmark.steps.fit import FitStep
from benchmark.steps.train import TrainStep


@dataclass(frozen=True)
class RetrainedStep(TrainStep):
    """The weights of a classifier as a defense that retrains it leaves them.

    Args:
        classifier, data, seed, content: Of the classifier that it began with.
        by: The defense.
    """

    kind = "retrained"

    by: FitStep = field(kw_only=True)

    @classmethod
    def of(cls, by: FitStep) -> RetrainedStep:
        """What `by` makes of its classifier."""
        begun = by.train
        return cls(begun.classifier, begun.data, begun.seed, begun.content, by=by)

    @property
    def label(self) -> str:
        return f"classifier of {self.by.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.by,)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "by": self.by.defense.identity()}

    def run(self, context: StepContext) -> Result:
        retrained = self.by.model(context).classifier
        if not isinstance(retrained, DeployedClassifier):
            raise UserError(
                "what it leaves is no classifier that another defense can stand in front of",
                where=f"defense {self.by.defense.name!r}",
                remedy="return DefendedModel(a copy of the classifier with other weights)",
            )
        weights = {name: value.detach().cpu().clone() for name, value in retrained.state_dict().items()}
        return Result({"operating_threshold": retrained.operating_threshold}, tensors=weights)

    def proxy(self, seed: int) -> TrainStep:
        return replace(self.by.train, seed=seed)
