"""Fit a defense to the classifier that it protects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.keys import key_of, without_code
from benchmark.core.threads import training_threads
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.records.serialising import check_tensors
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext, content_of, fingerprint
from benchmark.steps.train import TrainStep
from defenses.base import Defense, FitData
from defenses.query_only import QueryOnly


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

    def run(self, context: StepContext) -> Result:
        data = FitData(
            train=context.data.train.copy(),
            validation=context.data.validation.copy(),
            classes=len(context.data.classes),
            seed=self.seed,
            device=context.device,
            report=context.progress.fraction,
        )
        classifier = self.train.model(context)
        before = fingerprint(classifier)
        with frozen(classifier), training_threads(context.data.train.shape, context.device):
            self.defense.fit(QueryOnly(classifier) if self.defense.query_only else classifier, data)
        self._check_untouched(classifier, before, "fitted")
        model = self._defended(context)
        return Result(
            {"operating_threshold": _threshold(model)}, tensors=check_tensors(self.defense.weights_, "weights_")
        )

    def model(self, context: StepContext) -> DefendedModel:
        """The defended classifier, on the context's device."""

        def load() -> DefendedModel:
            self.defense.weights_ = context.store.tensors(self.key)
            return self._defended(context).to(context.device)

        return context.lend(self.key, self.label, load)

    def content(self, context: StepContext) -> str:
        """Hash of what the model is, however it came about: all weights, and the settings that they serve.

        Random numbers are keyed by it, so that no model can know them in advance, and one network has the same ones
        whether a suite names it or a program hands it over. Code is not in it: a changed comment draws no other ones.
        """
        if self.key not in context.contents:
            parts = (
                content_of(dict(sorted(context.store.tensors(self.train.key).items()))),
                content_of(dict(sorted(context.store.tensors(self.key).items()))),
            )
            context.contents[self.key] = key_of("model", without_code({"parts": parts, **self.settings()}))
        return context.contents[self.key]

    def _defended(self, context: StepContext) -> DefendedModel:
        classifier = self.train.model(context)
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
