"""Fit a defense to the classifier that it protects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmark.core.defended import DefendedModel
from benchmark.core.keys import key_of, without_code
from benchmark.core.ownership import is_strange
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.records.serialising import check_tensors
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext, content_of, fingerprint
from benchmark.steps.learn import LearnStep, learned, refuse_touched
from benchmark.steps.train import TrainStep
from defenses.base import Defense


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
        learn = self.learnt_apart
        return (self.train,) if learn is None else (self.train, learn)

    @cached_property
    def learnt_apart(self) -> LearnStep | None:
        """The step whose weights this model shares with others, where its defense has settings of decisions alone.

        Other people's word for it counts for nothing: a row of theirs would have weights of another one's settings.
        """
        apart = bool(self.defense.not_fitted) and not is_strange(self.defense)
        return LearnStep(self.train, self.defense, self.seed) if apart else None

    def settings(self) -> dict[str, Any]:
        return {"defense": self.defense.identity(), "seed": self.seed}

    def run(self, context: StepContext) -> Result:
        learn = self.learnt_apart
        if learn is None:
            learned(self.train, self.defense, self.seed, context)
        else:
            self.defense.weights_ = context.store.tensors(learn.key)
        model = self._defended(context)
        return Result(
            {"operating_threshold": _threshold(model), "evidence": self.defense.evidence()},
            tensors=check_tensors(self.defense.weights_, "weights_"),
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
        refuse_touched(self.defense, classifier, before, "put in front of it")
        return model


def _threshold(model: DefendedModel) -> float | None:
    classifier = model.classifier
    return classifier.operating_threshold if isinstance(classifier, DeployedClassifier) else None
