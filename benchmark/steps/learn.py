"""What a defense learns, however it decides afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.threads import training_threads
from benchmark.records.serialising import check_tensors
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext, fingerprint
from benchmark.steps.train import TrainStep
from defenses.base import Defense, FitData
from defenses.query_only import QueryOnly


@dataclass(frozen=True)
class LearnStep(Step):
    """Weights that models share which differ in `Defense.not_fitted` alone.

    Args:
        train: The classifier.
        defense: One of the defenses.
        seed: Seed of everything random in fitting.
    """

    kind = "learn"

    train: TrainStep
    defense: Defense
    seed: int

    @property
    def label(self) -> str:
        return f"fit {self.defense.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.train,)

    def settings(self) -> dict[str, Any]:
        identity = self.defense.identity()
        read = {name: value for name, value in identity["settings"].items() if name not in self.defense.not_fitted}
        return {"defense": {**identity, "settings": read}, "seed": self.seed}

    def run(self, context: StepContext) -> Result:
        learned(self.train, self.defense, self.seed, context)
        return Result(tensors=check_tensors(self.defense.weights_, "weights_"))


def learned(train: TrainStep, defense: Defense, seed: int, context: StepContext) -> None:
    """Fit `defense` to the classifier of `train`.

    Raises:
        UserError: It changes the classifier meanwhile.
    """
    data = FitData(
        train=context.data.train.copy(),
        validation=context.data.validation.copy(),
        classes=len(context.data.classes),
        seed=seed,
        device=context.device,
        report=context.progress.fraction,
    )
    classifier = train.model(context)
    before = fingerprint(classifier)
    with frozen(classifier), training_threads(context.data.train.shape, context.device):
        defense.fit(QueryOnly(classifier) if defense.query_only else classifier, data)
    refuse_touched(defense, classifier, before, "fitted")


def refuse_touched(defense: Defense, classifier: nn.Module, before: str, doing: str) -> None:
    """Raise UserError where the weights of `classifier` are not what they were."""
    if fingerprint(classifier) != before:
        raise UserError(
            f"it changes the classifier's own weights while it is {doing}",
            where=f"defense {defense.name!r}",
            remedy="work on a copy: copy.deepcopy(classifier)",
        )
