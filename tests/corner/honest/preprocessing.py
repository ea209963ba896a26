"""Honest defenses that change the image first, as hospitals and papers do."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel, FitData
from defenses.jpeg import JPEG
from tests.corner.honest.defenses import _Honest


class TotalVariation(_Honest):
    """Ten steps down a smoothed total variation (Rudin et al. 1992; Guo et al. 2018), through which gradients pass."""

    name = "total-variation"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            y = x
            for _ in range(10):
                down, across = y.diff(dim=2), y.diff(dim=3)
                down, across = down / (down.square() + 1e-3).sqrt(), across / (across.square() + 1e-3).sqrt()
                pull = nn.functional.pad(down, (0, 0, 0, 1)) - nn.functional.pad(down, (0, 0, 1, 0))
                pull = pull + nn.functional.pad(across, (0, 1)) - nn.functional.pad(across, (1, 0))
                y = y + 0.01 * pull - 0.1 * (y - x)
            return y.clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class DepthAndJPEG(_Honest):
    """Rounds to 5 bits and compresses (Das et al. 2018); says that neither has a gradient."""

    name = "depth-and-jpeg"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        behind = JPEG().defend(classifier)
        return DefendedModel(classifier, purify=lambda x, noise: behind.purify((31 * x).round() / 31, noise))


class Resized(_Honest):
    """Halves the resolution and doubles it again, as a viewer that shows thumbnails does."""

    name = "resized"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            small = nn.functional.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
            return nn.functional.interpolate(small, size=x.shape[2:], mode="bilinear")

        return DefendedModel(classifier, purify=purify)


class PrincipalComponents(_Honest):
    """Projects on the principal components of the training images (Bhagoji et al. 2018)."""

    name = "principal-components"
    purifier = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        images = data.train.floats().flatten(1)
        mean = images.mean(0)
        _, _, components = torch.linalg.svd(images - mean, full_matrices=False)
        self.weights_ = {"mean": mean, "components": components[:40].contiguous()}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            if not self.weights_:
                return x.clone()
            mean, components = self.weights_["mean"].to(x), self.weights_["components"].to(x)
            return (mean + (x.flatten(1) - mean) @ components.T @ components).view_as(x).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)


class LocalContrast(_Honest):
    """Divides by the local contrast, as viewers of radiographs do."""

    name = "local-contrast"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            mean = nn.functional.avg_pool2d(x, 7, 1, 3, count_include_pad=False)
            spread = nn.functional.avg_pool2d((x - mean).square(), 7, 1, 3, count_include_pad=False)
            return (0.5 + 0.1 * (x - mean) / (spread + 0.01).sqrt()).clamp(0, 1)

        return DefendedModel(classifier, purify=purify)
