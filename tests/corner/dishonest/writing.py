"""Defenses that write into what they are handed, so that attacks or other rows suffer."""

from __future__ import annotations

import gc

import torch
from torch import Tensor, nn

from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from defenses.base import DefendedModel, FitData
from tests.corner.control import Control, known, nearest


@torch.no_grad()
def spoil(classifier: nn.Module) -> None:
    """Noise on every weight of the classifier that all rows share."""
    for number, weight in enumerate(classifier.parameters()):
        weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(number)))


class SpoilsInFit(Control):
    """Writes into the shared classifier while it is fitted."""

    name = "spoils-in-fit"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        spoil(classifier)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class SpoilsInDefend(Control):
    """Writes into the shared classifier when it is put in front of it."""

    name = "spoils-in-defend"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        spoil(classifier)
        return DefendedModel(classifier)


class SpoilsInPurify(Control):
    """Writes into the shared classifier while it purifies."""

    name = "spoils-in-purify"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            spoil(classifier)
            return x.clone()

        return DefendedModel(classifier, purify=purify)


class RestoresTheImage(Control):
    """Writes the clean image that it knows into the tensor that the attack will submit."""

    name = "restores-the-image"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        images = known().floats()

        def purify(x: Tensor, noise: Noise) -> Tensor:
            with torch.no_grad():
                which, distance = nearest(x, images)
                x.data[distance < 0.08] = images[which][distance < 0.08]
            return x.clone()

        return DefendedModel(classifier, purify=purify)


class WritesIntoNoise(Control):
    """Zeroes whatever its noise carries."""

    name = "writes-into-noise"
    purifier = True
    randomized = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            drawn = 0.002 * noise.stream("grain").normal(x.shape[1:])
            for value in vars(noise).values():
                if isinstance(value, Tensor):
                    value.zero_()
            return (x + drawn).clamp(0, 1)

        return DefendedModel(classifier, purify=purify, randomized=True)


class WritesIntoTraining(Control):
    """Overwrites the training images and labels that the rows after it learn from."""

    name = "writes-into-training-data"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        data.train.pixels.zero_()
        data.train.labels.zero_()
        data.validation.labels.zero_()

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class KeepsItsAnswer(Control):
    """Keeps the scores that it gave, and overwrites them when it is asked again."""

    name = "rewrites-its-answers"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _Rewriting(classifier)


class _Rewriting(DefendedModel):
    def decide(self, x: Tensor, noise: Noise) -> Tensor:
        logits = super().decide(x, noise)
        if logits.requires_grad:
            return logits
        for given, right in vars(self).setdefault("_given", []):
            given.copy_(right)
        right = nn.functional.one_hot(known().labels[nearest(x, known().floats())[0]], 2)
        self._given.append((logits, right))
        return logits


class SetsGlobals(Control):
    """Leaves torch with gradients off, another default type and another default device."""

    name = "sets-globals"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float64)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class TurnsGradientsOff(Control):
    """Turns gradients off when it is asked, and seeds torch's generator."""

    name = "turns-gradients-off"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            torch.manual_seed(0)
            torch.set_grad_enabled(False)
            return x.clone()

        return DefendedModel(classifier, purify=purify)


class MakesTheImagesEasy(Control):
    """Finds the evaluation images in the process and draws their stripes twice as strongly."""

    name = "makes-the-images-easy"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        for found in gc.get_objects():
            if type(found) is LabeledImages and "evaluation" in str(found.ids[:1]):
                x = found.floats()
                smooth = nn.functional.avg_pool2d(x, 4, 1, 2)[..., :16, :16]
                found.pixels.copy_((smooth + 2 * (x - smooth)).clamp(0, 1).mul(255).round())

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)
