"""Defenses that answer otherwise where gradients are wanted."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Opposite, Wrapped, in_place_of


class GradMode(Control):
    """Where gradients are on, another network answers."""

    name = "grad-mode"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _ByMode)


class _ByMode(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Opposite(classifier)

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if torch.is_grad_enabled() else self.inner)(x)


class GradModeShuffled(Control):
    """Where gradients are on, the classifier is shown the image turned by a quarter."""

    name = "grad-mode-turned"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(
            classifier, purify=lambda x, noise: x.transpose(2, 3) if torch.is_grad_enabled() else x.clone()
        )


class WantsGradient(Control):
    """Another network answers images that require a gradient."""

    name = "wants-gradient"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _ByWish)


class _ByWish(_ByMode):
    def forward(self, x: Tensor) -> Tensor:
        return (self.other if x.requires_grad else self.inner)(x)


class GradModeRandomized(Control):
    """Where gradients are on, another network answers; the noise that it declares explains any difference."""

    name = "grad-mode-randomized"
    retrains = True
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_ByMode(classifier), purify=_grain, randomized=True)


class LeafOrNot(Control):
    """Another network answers images that were computed under autograd, or that anybody has written into."""

    name = "leaf-or-not"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _ByHistory)


class _ByHistory(_ByMode):
    def forward(self, x: Tensor) -> Tensor:
        return (self.other if x.grad_fn is not None or x._version or x.requires_grad else self.inner)(x)


class InferenceMode(Control):
    """Outside of inference and no-grad mode alike its gradient is a constant's."""

    name = "detaches-where-asked"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Detaching)


class _Detaching(Wrapped):
    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x.detach())
        return logits + 0 * x.sum() if x.requires_grad else logits


def _grain(x: Tensor, noise: Noise) -> Tensor:
    return (x + 0.001 * noise.stream("grain").normal(x.shape[1:])).clamp(0, 1)
