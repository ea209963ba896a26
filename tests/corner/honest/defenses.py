"""Honest defenses of every kind; some of them are worth nothing, and say so by their number."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DecisionRule, DefendedModel, Defense, FitData


class _Honest(Defense):
    source = "this test"
    useful: ClassVar[bool] = False


class GaussianNoise(_Honest):
    """Mean logits over images with Gaussian noise (Cohen et al. 2019, randomized smoothing)."""

    name = "gaussian-noise"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=_noisy, votes=4, randomized=True)


class MajorityOfNoise(GaussianNoise):
    """The majority over images with Gaussian noise."""

    name = "majority-of-noise"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        rule = DecisionRule.MAJORITY_VOTE
        return DefendedModel(classifier, purify=_noisy, votes=9, randomized=True, decision_rule=rule)


class Blur(_Honest):
    """A Gaussian blur, through which gradients pass."""

    name = "blur"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=_blurred)


class MedianFilter(_Honest):
    """The median of 3×3 pixels; on the way back, the mean."""

    name = "median-filter"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            padded = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
            return nn.functional.unfold(padded, 3).view(len(x), 9, -1).median(1).values.view_as(x)

        return DefendedModel(
            classifier, purify=purify, surrogate=lambda x: nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        )


class MedianSlope(_Honest):
    """The median of 3×3 pixels, whose slope is that of one pixel and none where pixels are equal."""

    name = "median-slope"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            windows = nn.functional.pad(x, [1] * 4, mode="reflect").unfold(2, 3, 1).unfold(3, 3, 1)
            return windows.flatten(4).median(4).values

        return DefendedModel(classifier, purify=purify)


class FineTuned(_Honest):
    """Trains the classifier further on blurred training images."""

    name = "fine-tuned"
    retrains = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        network = _Head()
        generator = torch.Generator().manual_seed(data.seed)
        for parameter in network.parameters():
            parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for epoch in range(8):
            order = torch.randperm(len(data.train), generator=generator)
            for rows in order.split(50):
                loss = nn.functional.cross_entropy(network(data.train.floats(rows)), data.train.labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            data.report(epoch / 8, "fitting")
        self.weights_ = {k: v.detach() for k, v in network.state_dict().items()}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        network = _Head()
        if self.weights_:
            network.load_state_dict(self.weights_)
        return DefendedModel(network.eval())


class _Head(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.AvgPool2d(2), nn.Conv2d(1, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))


class RandomResize(_Honest):
    """Shrinks the image by a random amount and puts it in a random place (Xie et al. 2018)."""

    name = "random-resize"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            scale, down, across = noise.stream("place").uniform((3,)).unbind(1)
            scale = 1 + 0.1 * scale
            matrix = torch.zeros(len(x), 2, 3)
            matrix[:, 0, 0] = matrix[:, 1, 1] = scale
            matrix[:, 0, 2], matrix[:, 1, 2] = 0.1 * (across - 0.5), 0.1 * (down - 0.5)
            grid = nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
            return nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False).clamp(0, 1)

        return DefendedModel(classifier, purify=purify, votes=2, randomized=True)


class ReducedDepth(_Honest):
    """Rounds to 4 bits and says that this has no gradient (Xu et al. 2018, feature squeezing)."""

    name = "reduced-depth"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: (15 * x).round() / 15)


def _noisy(x: Tensor, noise: Noise) -> Tensor:
    return (x + 0.05 * noise.stream("smoothing").normal(x.shape[1:])).clamp(0, 1)


def _blurred(x: Tensor, noise: Noise) -> Tensor:
    line = torch.tensor([0.25, 0.5, 0.25]).to(x)
    kernel = (line[:, None] * line)[None, None]
    padded = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    return nn.functional.conv2d(padded.flatten(0, 1)[:, None], kernel).view_as(x)
