"""What the defended model says of the unperturbed evaluation images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.core.defended import Passes
from benchmark.core.images import LabeledImages
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext
from benchmark.steps.fit import FitStep
from benchmark.steps.subset import evaluation_rows
from benchmark.steps.verdict import fresh_decisions


@dataclass(frozen=True)
class CleanStep(Step):
    """Decisions on clean images, and their spread over fresh draws where the defense is randomized.

    Each decision is made by a process that has seen nothing before.

    Args:
        fit: The defended model.
        samples: Number of evaluation images; None for all.
        replicates: Decisions per image of a randomized defense.
        seed: Seed of the subset and of the draws.
        images: Number of images that `samples` amounts to, for estimates.
        left_out: A class whose images are left out, since attacks aim at it; None for none.
    """

    kind = "clean"

    fit: FitStep
    samples: int | None
    replicates: int
    seed: int
    images: int
    left_out: int | None = None

    @property
    def label(self) -> str:
        return f"clean {self.fit.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.fit,)

    def settings(self) -> dict[str, Any]:
        left_out = {} if self.left_out is None else {"left_out": self.left_out}
        return {"samples": self.samples, "replicates": self.replicates, "seed": self.seed, **left_out}

    def passes(self) -> Passes:
        return Passes(self.images, 0)

    def evaluation(self, context: StepContext) -> LabeledImages:
        """The evaluation images of this run."""
        images = context.data.evaluation
        rows = evaluation_rows(images, self.samples, self.seed)
        return images[rows if self.left_out is None else rows[images.labels[rows] != self.left_out]]

    def run(self, context: StepContext) -> Result:
        images, model = self.evaluation(context), self.fit.model(context)
        draws = self.replicates if model.randomized else 1
        context.progress.expect(len(images) * draws)
        logits = fresh_decisions(self.fit, images, None, draws, self.seed, "clean", context, context.progress.advance)
        right = logits.argmax(2) == images.labels[None]
        cost = model.decision_passes
        frame = pd.DataFrame(
            {
                "row": range(len(images)),
                "sample_id": list(images.ids),
                "group": list(images.groups or images.ids),
                "label": images.labels.tolist(),
                "clean_prediction": logits[0].argmax(1).tolist(),
                "clean_right": right[0].tolist(),
                "scores": logits[0].softmax(1).tolist(),
                "fresh_right": right.float().mean(0).tolist(),
                "forwards": cost.forwards,
                "backwards": cost.backwards,
            }
        )
        return Result(
            {
                "accuracy": right.float().mean(1).tolist(),
                "votes": model.votes,
                "randomized": model.randomized,
                "decision_rule": model.decision_rule.value,
            },
            samples=frame,
        )
