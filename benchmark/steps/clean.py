"""What the defended model says of the unperturbed evaluation images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmark.steps.subset import evaluation_rows
from benchmark.core.images import LabeledImages
from benchmark.steps.base import Result, Step
from benchmark.steps.fit import FitStep
from benchmark.steps.verdict import fresh_decisions
from benchmark.steps.context import Workbench
from defenses.base import Passes


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
    """

    kind = "clean"

    fit: FitStep
    samples: int | None
    replicates: int
    seed: int
    images: int

    @property
    def label(self) -> str:
        return f"clean {self.fit.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.fit,)

    def settings(self) -> dict[str, Any]:
        return {"samples": self.samples, "replicates": self.replicates, "seed": self.seed}

    def passes(self) -> Passes:
        return Passes(self.images, 0)

    def evaluation(self, bench: Workbench) -> LabeledImages:
        """The evaluation images of this run."""
        return bench.data.evaluation[evaluation_rows(bench.data.evaluation, self.samples, self.seed)]

    def run(self, bench: Workbench) -> Result:
        images, model = self.evaluation(bench), self.fit.model(bench)
        draws = self.replicates if model.randomized else 1
        bench.progress.expect(len(images) * draws)
        logits = fresh_decisions(self.fit, images, None, draws, self.seed, "clean", bench, bench.progress.advance)
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
