"""Hidden features of the clean training images: what detectors and the feature constraint call normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.errors import UserError
from benchmark.core.features import Features, recording
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext
from benchmark.steps.fit import FitStep


@dataclass(frozen=True)
class FeaturesStep(Step):
    """Channel means of every activation layer, penultimate features and logits of the training images.

    Args:
        fit: The defended model.
        seed: Seed of a randomized defense's draws.
        images: Number of training images, for estimates.
    """

    kind = "features"

    fit: FitStep
    seed: int
    images: int

    @property
    def label(self) -> str:
        return f"features {self.fit.name}"

    @property
    def needs(self) -> tuple[Step, ...]:
        return (self.fit,)

    def settings(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def passes(self) -> Passes:
        return Passes(self.images, 0)

    def run(self, context: StepContext) -> Result:
        train = context.data.train
        context.progress.expect(len(train))
        features, logits = hidden_features(self.fit.model(context), train, None, self.seed, "reference", context)
        assert features.penultimate is not None
        tensors = {f"layer {i}": layer for i, layer in enumerate(features.layers)}
        return Result(tensors={**tensors, "penultimate": features.penultimate, "logits": logits})

    def features(self, context: StepContext) -> tuple[Features, Tensor]:
        """(features, logits) of the training images, on the CPU."""

        def load() -> tuple[Features, Tensor]:
            tensors = context.store.tensors(self.key)
            layers = [tensors[f"layer {i}"] for i in range(len(tensors) - 2)]
            return Features(layers, tensors["penultimate"]), tensors["logits"]

        return context.keep(self.key, load)


def hidden_features(
    model: DefendedModel, images: LabeledImages, pixels: Tensor | None, seed: int, stream: str, context: StepContext
) -> tuple[Features, Tensor]:
    """Features and logits [N, K] of images as the classifier behind the defense sees them, on the CPU.

    Args:
        model: The defended model.
        images: Which images.
        pixels: What to show in place of the images' own pixels: [N, C, H, W].
        seed, stream: Key of the defense's random numbers.
        context: Device, batch size and display.
    """

    def extract(rows: slice) -> tuple[list[Tensor], Tensor, Tensor]:
        x = images.floats(rows, device=context.device) if pixels is None else pixels[rows].to(context.device)
        noise = Noise.of(seed, images.index[rows], device=context.device).stream(stream)
        purified = model.purify(x, noise)
        with recording(model.classifier) as features:
            logits = model.classify(purified)
        count = len(x)
        assert features.penultimate is not None
        context.progress.advance(count)
        # Small batches are padded on their way in; only the first rows are images.
        return [f[:count].cpu() for f in features.layers], features.penultimate[:count].cpu(), logits.cpu()

    if not len(images):
        raise UserError(
            "no image is left to take features from",
            where="detection",
            remedy="use more evaluation images: only those that the model gets right are used",
        )
    with frozen(model), torch.no_grad():
        parts = context.batch_size.map(len(images), extract)
    layers = [torch.cat(layer) for layer in zip(*(p[0] for p in parts), strict=True)]
    return Features(layers, torch.cat([p[1] for p in parts])), torch.cat([p[2] for p in parts])
