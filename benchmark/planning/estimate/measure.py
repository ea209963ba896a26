"""What training, fitting and asking a model take on this machine, measured for a moment on the real thing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field

import torch

from attacks.gradients.base import GradientEstimator
from attacks.gradients.fast_copy import search_model
from attacks.objectives.aim import Aim
from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.apart import NoAnswerError, answer_apart
from benchmark.core.at_once import at_once
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import ImageData, LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threads import training_threads
from benchmark.models.training.classifier import assemble, train_classifier
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.recipe import FALLS, Recipe
from benchmark.planning.estimate.stopwatch import EnoughError, Stopwatch
from benchmark.steps.base import Step
from benchmark.steps.fit import FitStep
from benchmark.steps.strangers import strangers
from benchmark.steps.train import TrainStep
from defenses.base import Defense, FitData
from defenses.query_only import QueryOnly

_PATIENCE = 20.0
"""Seconds that a measurement may take before the estimate does without it."""

_LONG, _TOO_LONG = 0.05, 0.5
"""Seconds that are long enough to be a measurement, and that nobody waits for twice."""

_FEW = 128
"""Images that an abridged defense is fitted on."""


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine.

    Attributes:
        fit: Of the whole fit.
        draw: Of an answer to one image under one draw, without a gradient.
        gradients: Of the gradient for one image, by how it is taken (its repr); those that cannot be had are missing.
    """

    fit: float
    draw: float
    gradients: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """Where a run computes, and on what.

    Attributes:
        data: The images.
        device: Where.
        batch_size: How many at a time.
    """

    data: ImageData
    device: torch.device
    batch_size: BatchSize

    @property
    def at_once(self) -> int:
        """Steps without other people's plug-ins that it computes side by side."""
        return at_once(self.data.train.shape, self.device)

    def apart(self, step: Step, question: Callable[[], str]) -> str | None:
        """What a question gives that is asked in a process like that of a step; None where it raises or is slow."""

        def as_computed() -> str:
            if self.at_once > 1 and not strangers(step):
                torch.set_num_threads(1)
            return question()

        try:
            # A process that has used a GPU has no children that can.
            return question() if torch.cuda.is_initialized() else answer_apart(as_computed, seconds=_PATIENCE)
        except (NoAnswerError, UserError):
            return None

    def training_seconds(self, step: TrainStep) -> float | None:
        """Seconds that training a classifier takes."""
        return None if (told := self.apart(step, lambda: str(self._trained(step)))) is None else float(told)

    def pace(self, step: FitStep, estimators: Sequence[GradientEstimator]) -> Pace | None:
        """Seconds that fitting a defense takes, and asking the model that it makes."""
        told = self.apart(step, lambda: json.dumps(asdict(self._fitted(step, estimators))))
        return None if told is None else Pace(**json.loads(told))

    def _trained(self, step: TrainStep) -> float:
        if not step.classifier.trains:
            return 0.0
        data, watch = self.data, Stopwatch()
        with training_threads(data.train.shape, self.device):
            seconds = _timed(
                watch,
                lambda: train_classifier(
                    step.classifier,
                    data.train,
                    data.validation,
                    classes=len(data.classes),
                    seed=step.seed,
                    device=self.device,
                    report=watch,
                ),
            )
        return seconds * trained_share(step.classifier.recipe())

    def _fitted(self, step: FitStep, estimators: Sequence[GradientEstimator]) -> Pace:
        data, watch, defense = self.data, Stopwatch(), deepcopy(step.defense)
        classifier = self.classifier(step)
        with frozen(classifier), training_threads(data.train.shape, self.device):
            asked = QueryOnly(classifier) if defense.query_only else classifier
            seconds = _timed(watch, lambda: defense.fit(asked, self._lessons(data.train, data.validation, watch)))
            if not defense.weights_:
                brief = defense.abridged()
                if brief is not defense:
                    some = self._lessons(_some(data.train), _some(data.validation), lambda _share, _note: None)
                    brief.fit(asked, some)
                defense = brief
        model = self._defended(defense, classifier)
        with frozen(model):
            draw = _seconds_each(lambda rows: self._answer(model, rows), self._rows)
            gradients = {repr(e): s for e in estimators if (s := self._gradient_seconds(model, e)) is not None}
        return Pace(seconds, draw, gradients)

    def classifier(self, step: FitStep) -> DeployedClassifier:
        """The untrained classifier: it takes as long as the trained one."""
        data = self.data
        deployed = assemble(step.train.classifier, shape=data.train.shape, classes=len(data.classes))
        return deployed.to(self.device).eval()

    def _lessons(
        self, train: LabeledImages, validation: LabeledImages, report: Callable[[float, str], None]
    ) -> FitData:
        return FitData(train, validation, len(self.data.classes), 0, self.device, report)

    def _defended(self, defense: Defense, classifier: DeployedClassifier) -> DefendedModel:
        try:
            return defense.defend(classifier).to(self.device)
        except UserError:
            # One that cannot be fitted for a moment counts as if its purifier cost nothing.
            return DefendedModel(classifier)

    @property
    def _rows(self) -> int:
        return min(self.batch_size.size, len(self.data.evaluation))

    def _answer(self, model: DefendedModel, rows: int) -> None:
        x, noise = self._shown(rows)
        with torch.no_grad():
            float(model.classify(model.purify(x, noise)).sum())

    def _gradient_seconds(self, model: DefendedModel, estimator: GradientEstimator) -> float | None:
        searched = search_model(model, self._shown(8)[0]) or model

        def ask(rows: int) -> None:
            x, noise = self._shown(rows)
            float(estimator(searched, CrossEntropy(), x, self._aim(rows), noise).value.sum())

        try:
            # The draws of one image are a batch of their own.
            return _seconds_each(ask, self._rows, fewest=max(1, 8 // estimator.draws))
        except Exception:
            # A gradient that cannot be had is an error of its cells, and told there.
            return None

    def _aim(self, rows: int) -> Aim:
        return Aim(self.data.evaluation.labels[:rows].to(self.device))

    def _shown(self, rows: int) -> tuple[torch.Tensor, Noise]:
        images = self.data.evaluation
        return images.floats(slice(0, rows), device=self.device), Noise.of(0, images.index[:rows], device=self.device)


def trained_share(recipe: Recipe) -> float:
    """Share of the most epochs that training is expected to take.

    Where it ends by validation, it is taken to get better for as long as it then stands still.
    """
    if recipe.schedule != "plateau":
        return 1.0
    return min(1.0, 2 * recipe.patience * (FALLS + 1) / recipe.epochs)


def _timed(watch: Stopwatch, work: Callable[[], object]) -> float:
    """Seconds that `work` takes, which reports to `watch` and may be ended by it."""
    started = time.perf_counter()
    try:
        work()
    except EnoughError:
        return watch.seconds()
    return time.perf_counter() - started


def _seconds_each(run: Callable[[int], None], most: int, *, fewest: int = 8) -> float:
    """Seconds that one of the rows takes that `run` goes through at once: few where they take long, else up to `most`.

    What is asked first is not counted unless it takes very long: caches are empty then.
    """
    rows = min(fewest, most)
    taken = _seconds(run, rows)
    while taken < _TOO_LONG:
        taken = _seconds(run, rows)
        if taken > _LONG or rows == most:
            break
        rows = min(most, 4 * rows)
    return taken / rows


def _seconds(run: Callable[[int], None], rows: int) -> float:
    started = time.perf_counter()
    run(rows)
    return time.perf_counter() - started


def _some(images: LabeledImages) -> LabeledImages:
    """A few images of each class."""
    each = max(1, _FEW // max(1, len(images.labels.unique())))
    rows = [(images.labels == k).nonzero().flatten()[:each] for k in images.labels.unique()]
    return images[torch.cat(rows)] if rows else images
