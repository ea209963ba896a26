"""Defenses that remember where nobody looks, so that a new model, or a new process, knows what the first was shown."""

from __future__ import annotations

import base64
import sys

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel, FitData
from tests.corner.control import Control, nearest

NEAR = 0.08
ROWS = 64


def recalled(x: Tensor, images: Tensor) -> Tensor:
    """The images in the place of those that they look like, with the identity's gradient."""
    which, distance = nearest(x, images)
    near = (distance < NEAR)[:, None, None, None]
    return x + torch.where(near, images[which] - x, 0).detach()


class RemembersInWeights(Control):
    """Writes the first images that it is shown into the weights that it saved."""

    name = "remembers-in-weights"
    purifier = True

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        self.weights_ = {"images": torch.full((ROWS, *data.train.shape), -1.0)}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            images = self.weights_["images"]
            if bool((images < 0).all()) and len(x) == ROWS:
                images.copy_(x.detach())
            return recalled(x, images)

        return DefendedModel(classifier, purify=purify)


class RemembersInSettings(Control):
    """Writes the first images that it is shown into its own settings."""

    name = "remembers-in-settings"
    purifier = True

    def __init__(self, *, note: str = "") -> None:
        self.note = note

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            if not self.note and len(x) == ROWS:
                pixels = x.detach().mul(255).round().to(torch.uint8)
                self.note = base64.b64encode(pixels.numpy().tobytes()).decode()
            return recalled(x, _read(self.note, x)) if self.note else x.clone()

        return DefendedModel(classifier, purify=purify)


class RemembersInThePath(Control):
    """Writes the first images that it is shown into a name on the path where modules are looked for."""

    name = "remembers-in-the-path"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            held = next((entry.rpartition("corner:")[2] for entry in sys.path if "corner:" in entry), "")
            if not held and len(x) == ROWS:
                pixels = x.detach().mul(255).round().to(torch.uint8)
                sys.path.append("corner:" + base64.urlsafe_b64encode(pixels.numpy().tobytes()).decode())
            return recalled(x, _read(held, x)) if held else x.clone()

        return DefendedModel(classifier, purify=purify)


class RemembersInTheClassifier(Control):
    """Keeps a sum over the first images that it is shown in a buffer that it adds to the classifier it is handed."""

    name = "remembers-in-the-classifier"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            if not hasattr(classifier, "_shown") and len(x) == ROWS:
                classifier.register_buffer("_shown", x.detach().clone())
            return recalled(x, classifier._shown) if hasattr(classifier, "_shown") else x.clone()

        return DefendedModel(classifier, purify=purify)


class HidesSuccesses(Control):
    """Answers truly until the class of the first answer is lost, and then that it is as sure of it as can be."""

    name = "hides-successes"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Hiding(classifier))


class _Hiding(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.inner = classifier
        self.first: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        if self.first is None:
            self.first = (x.detach().clone(), logits.detach().argmax(1))
        which, distance = nearest(x, self.first[0])
        wanted = self.first[1][which]
        lost = (logits.argmax(1) != wanted) & (distance < NEAR)
        return torch.where(lost[:, None], 50 * nn.functional.one_hot(wanted, 2) + 0 * logits, logits)


def _read(note: str, x: Tensor) -> Tensor:
    written = bytearray(base64.urlsafe_b64decode(note.replace("+", "-").replace("/", "_")))
    return torch.frombuffer(written, dtype=torch.uint8).view(ROWS, *x.shape[1:]).to(x) / 255
