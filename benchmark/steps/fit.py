"""Fit a defense to the classifier that it protects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.records.serialising import check_tensors
from benchmark.steps.base import Result, Step
from benchmark.steps.train import TrainStep
from benchmark.core.threads import training_threads
from benchmark.verdicts.defendant import Defendant
from benchmark.steps.context import Workbench, fingerprint
from defenses.base import DefendedModel, Defense, FitData


class QueryOnly(nn.Module):
    """A classifier that answers and gives no gradient: all that a query-only defense may learn from."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        # Held out of the module tree, so that its parameters are out of reach.
        self._ask = [classifier]
        self.queries = 0

    def forward(self, x: Tensor) -> Tensor:
        """Detached logits of `x`."""
        self.queries += x.shape[0]
        with torch.no_grad():
            logits: Tensor = self._ask[0](x.detach())
        return logits


@dataclass(frozen=True)
class FitStep(Step):
    """The weights a defense learns.

    Args:
        train: The classifier.
        name: The defense's label in the suite.
        defense: The defense.
        seed: Seed of everything random in fitting.
    """

    kind = "fit"

    train: TrainStep
    name: str
    defense: Defense
    seed: int

    @property
    def label(self) -> str:
        return f"fit {self.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.train,)

    def settings(self) -> dict[str, Any]:
        return {"defense": self.defense.identity(), "seed": self.seed}

    def run(self, bench: Workbench) -> Result:
        data = FitData(
            train=bench.data.train.copy(),
            validation=bench.data.validation.copy(),
            classes=len(bench.data.classes),
            seed=self.seed,
            device=bench.device,
            report=bench.progress.fraction,
        )
        classifier = self.train.model(bench)
        before = fingerprint(classifier)
        with frozen(classifier), training_threads(bench.data.train.shape, bench.device):
            self.defense.fit(QueryOnly(classifier) if self.defense.query_only else classifier, data)
        self._check_untouched(classifier, before, "fitted")
        model = self._defended(bench)
        return Result(
            {"operating_threshold": _threshold(model)}, tensors=check_tensors(self.defense.weights_, "weights_")
        )

    def model(self, bench: Workbench) -> DefendedModel:
        """The defended classifier, on the bench's device."""

        def load() -> DefendedModel:
            self.defense.weights_ = bench.store.tensors(self.key)
            return self._defended(bench).to(bench.device)

        return bench.lend(self.key, self.label, load)

    def defendant(self, bench: Workbench) -> Defendant:
        """The defended classifier as another process can build it."""
        return Defendant(
            self.train.classifier,
            self.train.spec["settings"]["classifier"]["settings"],
            bench.store.tensors(self.train.key),
            self.defense,
            self.spec["settings"]["defense"]["settings"],
            bench.store.tensors(self.key),
            bench.data.train.shape,
            len(bench.data.classes),
        )

    def _defended(self, bench: Workbench) -> DefendedModel:
        classifier = self.train.model(bench)
        before = fingerprint(classifier)
        model = self.defense.defend(classifier)
        self._check_untouched(classifier, before, "put in front of it")
        return model

    def _check_untouched(self, classifier: nn.Module, before: str, doing: str) -> None:
        if fingerprint(classifier) != before:
            raise UserError(
                f"it changes the classifier's own weights while it is {doing}",
                where=f"defense {self.defense.name!r}",
                remedy="work on a copy: copy.deepcopy(classifier)",
            )


def _threshold(model: DefendedModel) -> float | None:
    classifier = model.classifier
    return classifier.operating_threshold if isinstance(classifier, DeployedClassifier) else None
