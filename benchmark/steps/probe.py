"""Ask a defended model what its reliability flags need to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attacks.gradients.base import GradientEstimator
from benchmark.core.defended import Passes
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.flags.base import FAILED, reason_of
from benchmark.evaluation.flags.catalogue import CHECKS
from benchmark.evaluation.flags.probe import Probe, Shown
from benchmark.records.defense_record import DefenseTraits
from benchmark.steps.base import Result, Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.steps.right_images import right_images
from benchmark.steps.subset import evaluation_rows

_GRADIENTS = 14
"""About how many times the row's steps all flags take together, on images that never fall."""

_SHOWN, _FEWEST_SHOWN = 256, 24
_AFFORDABLE = 6000
"""Images of a split that flags compare with those of another, and the passes of one decision on all of them."""


@dataclass(frozen=True)
class ProbeStep(Step):
    """Every measuring flag on one defended model.

    A flag that raises does not stop the others: its measurement is the reason, and it reads not-run.

    Args:
        clean: The defended model and its clean decisions; only images it gets right are used.
        norm, epsilon: The perturbation that the robustness table allows.
        gradient: How its white-box attacks differentiate through this defense by default.
        steps: Steps of its longest white-box attack.
        images: Number of images.
        seed: Seed of their choice, and of everything random.
    """

    kind = "probe"

    clean: CleanStep
    norm: Norm
    epsilon: Epsilon
    gradient: GradientEstimator
    steps: int
    images: int
    seed: int

    @property
    def label(self) -> str:
        return f"probe {self.clean.fit.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.clean,)

    def settings(self) -> dict[str, Any]:
        return {
            "norm": self.norm,
            "epsilon": self.epsilon.value,
            "gradient": self.gradient.identity(),
            "steps": self.steps,
            "images": self.images,
            "seed": self.seed,
        }

    def passes(self) -> Passes:
        each = _GRADIENTS * self.steps * self.gradient.draws * min(self.images, self.clean.images)
        return Passes(each, each)

    def run(self, context: StepContext) -> Result:
        measured: dict[str, dict[str, Any]] = {}
        probe = self._probe(context)
        for number, check in enumerate(CHECKS):
            context.progress.fraction(number / len(CHECKS), check.id)
            try:
                found = check.measure(probe)
            except Exception as error:
                # Whatever a model raises leaves this flag without an answer, and takes nothing from the others.
                found = unanswered(error)
            if found is not None:
                measured[check.id] = found
        return Result({"measurements": measured})

    def _probe(self, context: StepContext) -> Probe:
        """Raises UserError when the model gets no image right."""
        images = right_images(self.clean, context, self.images, self.seed, of=self.label)
        defense, purpose = self.clean.fit.defense, f"probe {self.clean.fit.content(context)}"
        return Probe(
            model=self.clean.fit.model(context),
            undefended=self.clean.fit.train.model(context),
            traits=DefenseTraits.of(defense),
            images=images.floats(device=context.device),
            labels=images.labels.to(context.device),
            noise=Noise.of(self.seed, images.index, device=context.device).stream(purpose),
            norm=self.norm,
            epsilon=self.epsilon.value,
            estimator=self.gradient,
            steps=self.steps,
            batch_size=context.batch_size,
            evaluation=self._shown(context, self.clean.evaluation(context), "evaluation"),
            validation=self._shown(context, context.data.validation, "validation"),
            ids=images.ids,
        )

    def _shown(self, context: StepContext, images: LabeledImages, split: str) -> Shown:
        """As many images of a split as can be looked at again and again."""
        cost = self.clean.fit.model(context).decision_passes
        count = min(_SHOWN, max(_FEWEST_SHOWN, _AFFORDABLE // (cost.forwards + cost.backwards)))
        some = images[evaluation_rows(images, count, self.seed)]
        noise = Noise.of(self.seed, some.index, device=context.device).stream(split)
        return Shown(some.floats(device=context.device), some.labels.to(context.device), noise)


def unanswered(error: Exception) -> dict[str, Any]:
    """What stands in the place of a measurement that raised."""
    return {FAILED: reason_of(error)}
