"""Make a study of one defended model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from benchmark.core.defended import Passes
from benchmark.core.errors import UserError, in_words
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.records.study_findings import StudyFindings
from benchmark.steps.base import Result, Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.context import StepContext
from benchmark.steps.right_images import right_images
from benchmark.studies.base import Findings, Study
from benchmark.studies.subject import Subject

PICTURES = "pictures"
"""Name of the tensor that holds them: uint8 [rows, columns, C, H, W]."""


@dataclass(frozen=True)
class StudyStep(Step):
    """A study of one defended model on a few images that it gets right.

    Args:
        clean: The defended model and its clean decisions.
        name: The study's label in the suite.
        study: The study.
        norm, epsilon: The perturbation that an attacker of the study may use.
        images: Number of images.
        seed: Seed of their choice, and of everything random.
    """

    kind = "study"

    clean: CleanStep
    name: str
    study: Study
    norm: Norm
    epsilon: Epsilon
    images: int
    seed: int

    @property
    def label(self) -> str:
        return f"study {self.name} of {self.clean.fit.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.clean,)

    def settings(self) -> dict[str, Any]:
        return {
            "study": self.study.identity(),
            "norm": self.norm,
            "epsilon": self.epsilon.value,
            "images": self.images,
            "seed": self.seed,
        }

    def passes(self) -> Passes:
        each, images = self.study.passes(self.clean.fit.defense), min(self.images, self.clean.images)
        return Passes(images * each.forwards, images * each.backwards)

    def run(self, context: StepContext) -> Result:
        fit = self.clean.fit
        images = right_images(self.clean, context, self.images, self.seed, of=self.label)
        model = fit.model(context)
        purpose = f"study {fit.content(context)}"
        found = self.study.run(
            Subject(
                model=model,
                defense=fit.defense,
                classifier=fit.train.model(context),
                images=images.floats(device=context.device),
                labels=images.labels.to(context.device),
                groups=tuple(images.groups or images.ids),
                noise=Noise.of(self.seed, images.index, device=context.device).stream(purpose),
                norm=self.norm,
                epsilon=self.epsilon,
                batch_size=context.batch_size,
                report=context.progress.fraction,
                seed=self.seed,
            )
        )
        written: dict[str, Any] = {
            "findings": findings_of(found, self.label).model_dump(mode="json"),
            "images": len(images),
        }
        written["reading"] = self.study.reading
        pictures = found.pictures
        if pictures is None:
            return Result(written)
        kept = pictures.images.detach().cpu().float().nan_to_num().clamp(0, 1).mul(255).round().to(torch.uint8)
        return Result(written, tensors={PICTURES: kept})


def findings_of(found: Findings, where: str) -> StudyFindings:
    """What a study found as a record.

    Raises:
        UserError: It handed back something else, contradicts itself, or gives a number that is not finite.
    """
    try:
        if not isinstance(found, Findings):
            raise TypeError(f"it is {type(found).__name__} and not Findings")
        return found.record()
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"what the study hands back cannot be used ({in_words(error)})", where=where, remedy="mend the study"
        ) from error
