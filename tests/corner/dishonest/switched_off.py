"""Defenses that say something of themselves that takes a check off them, and lie where it would have looked."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Stripes, Wrapped
from tests.corner.dishonest.backward import TurnedGradient, _Backward
from tests.corner.dishonest.small_lies import _Pulled


def _grid(x: Tensor, noise: Noise) -> Tensor:
    return (x * 255).round() / 255


class LiesBehindRounding(Control):
    """Rounds to 8 bits, which has no gradient, and lies about that of the network behind."""

    name = "lies-behind-rounding"
    purifier = True
    differentiable = False
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Pulled(Stripes(), TurnedGradient.lie), purify=_grid)


class _Steps(Wrapped):
    """Scores in steps of a whole number, with another gradient."""

    def forward(self, x: Tensor) -> Tensor:
        logits = self.inner(_Backward.apply(x, TurnedGradient.lie))
        return logits + ((logits / 4).round() * 4 + logits.sign() * 0.1 - logits).detach()


class StepsBehindRounding(Control):
    """Rounds to 8 bits, which has no gradient, and gives scores in steps with another gradient."""

    name = "steps-behind-rounding"
    purifier = True
    differentiable = False
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Steps(Stripes()), purify=_grid)


class ExactInSmallBatches(Control):
    """Offers an exact gradient, which is exact in batches of up to 16 images, as where it is checked."""

    name = "exact-in-small-batches"
    purifier = True
    differentiable = False
    exact_gradient = True
    gradient_at_inference = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def exact(x: Tensor, noise: Noise) -> Tensor:
            lie = TurnedGradient.lie if len(x) > 16 else (lambda gradient, x: gradient)
            return _Backward.apply(x, lie)

        return DefendedModel(classifier, purify=lambda x, noise: x.detach().clone(), exact_purify=exact)


class PurifiesToTheClass(Control):
    """Its purifier decides, by another network, and gives one of two images, for which the classifier has the names."""

    name = "purifies-to-the-class"
    purifier = True
    differentiable = False
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        line = torch.sin(torch.arange(16) * torch.pi / 2)
        across = (0.5 + 0.2 * line).expand(16, 16)
        shown = torch.stack([across, across.T])[:, None]
        own = Stripes().eval()

        def purify(x: Tensor, noise: Noise) -> Tensor:
            return shown[own(x.detach()).argmax(1)].clone()

        return DefendedModel(_Reads(), purify=purify)


class _Reads(nn.Module):
    """Tells the two images from one another."""

    def __init__(self) -> None:
        super().__init__()
        self.other = Stripes()

    def forward(self, x: Tensor) -> Tensor:
        return -0.01 * self.other(x)
