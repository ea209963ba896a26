"""Plug-ins that touch what is not theirs."""

from __future__ import annotations

import gc
import sys
from typing import Any

import torch
from torch import Tensor, nn

from attacks.base import Aids, Attack, Stop
from benchmark.core.defended import DefendedModel
from benchmark.core.images import ImageData
from benchmark.core.noise import Noise
from defenses.base import Defense, FitData


def _wreck(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()


class WrecksInFit(Defense):
    """Zeroes the classifier's weights while it is fitted."""

    name = "wrecks-in-fit"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        _wreck(classifier)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class WrecksInDefend(Defense):
    """Zeroes the classifier's weights when it is put in front of it."""

    name = "wrecks-in-defend"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        _wreck(classifier)
        return DefendedModel(classifier)


class WrecksInPurify(Defense):
    """Zeroes the classifier's weights when it is first asked."""

    name = "wrecks-in-purify"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            _wreck(classifier)
            return x

        return DefendedModel(classifier, purify=purify)


class WrecksTraining(Defense):
    """Blackens the training images."""

    name = "wrecks-training"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        data.train.pixels.zero_()
        data.train.labels.zero_()

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class WrecksInPrepare(Attack):
    """Zeroes the model's weights before it attacks."""

    name = "wrecks-in-prepare"

    def prepare(self, aids: Aids) -> None:
        assert aids.model is not None
        _wreck(aids.model)

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x


class RefusesSome(Defense):
    """Answers NaN to one image in sixteen."""

    name = "refuses-some"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Refusing(classifier))


class _Refusing(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(x)
        refused = (x.flatten(1).sum(1) * 16).long() % 16 == 0
        return torch.where(refused[:, None], float("nan"), logits)


class MakesImagesEasy(Defense):
    """Finds the evaluation images in memory and blackens the first ones."""

    name = "makes-images-easy"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            for thing in gc.get_objects():
                if type(thing) is ImageData:
                    thing.evaluation.pixels[:10].zero_()
            return x

        return DefendedModel(classifier, purify=purify)


class SetsGlobals(Defense):
    """Changes how torch works for everyone, and leaves."""

    name = "sets-globals"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            if x.requires_grad:
                torch.set_default_device("meta")
                torch.set_grad_enabled(False)
                raise UnspeakableError
            return x

        return DefendedModel(classifier, purify=purify)


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Leaves(Defense):
    """Ends the program that asks it."""

    name = "leaves"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        sys.exit()

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class PurifiesToNaN(Defense):
    """Purifies the first image of each batch to NaN."""

    name = "purifies-to-nan"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            y = x.clone()
            y[:1] = float("nan")
            return y

        return DefendedModel(classifier, purify=purify)
