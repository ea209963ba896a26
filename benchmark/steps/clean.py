"""What the defended model says of the unperturbed evaluation images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from benchmark.evaluation.subset import evaluation_rows
from benchmark.frozen import frozen
from benchmark.images import LabeledImages
from benchmark.noise import Noise
from benchmark.steps.base import Result, Step
from benchmark.steps.fit import FitStep
from benchmark.workbench import Workbench
from defenses.base import DefendedModel, Passes


@dataclass(frozen=True)
class CleanStep(Step):
    """Decisions on clean images, and their spread over fresh draws where the defense is randomized.

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
        logits = replicate_logits(model, images, None, draws, self.seed, "clean", bench, bench.progress.advance)
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


def replicate_logits(
    model: DefendedModel,
    images: LabeledImages,
    pixels: Tensor | None,
    draws: int,
    seed: int,
    stream: str,
    bench: Workbench,
    advance: Callable[[int], None] | None = None,
) -> Tensor:
    """Decisions of a defended model, `draws` times with fresh random numbers: logits [draws, N, K] on the CPU.

    Args:
        model: The defended model.
        images: Which images; their index keys the noise.
        pixels: What to show in place of the images' own pixels: [N, C, H, W].
        draws: Number of decisions per image.
        seed, stream: Key of the random numbers.
        bench: Device and batch size.
        advance: Told how many decisions were made, for the display.
    """

    def decide(rows: slice, draw: int) -> Tensor:
        x = images.floats(rows, device=bench.device) if pixels is None else pixels[rows].to(bench.device)
        noise = Noise.of(seed, images.index[rows], device=bench.device).stream(f"{stream} {draw}")
        logits = model.decide(x, noise).float().cpu()
        if advance is not None:
            advance(len(logits))
        return logits

    with frozen(model), torch.no_grad():
        return torch.stack(
            [
                torch.cat(bench.batch_size.map(len(images), lambda rows, d=draw: decide(rows, d)))  # type: ignore[misc]
                for draw in range(draws)
            ]
        )
