"""Defenses that tell an attacker something else than what they would answer an image that nobody has asked about."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from defenses.base import Defense


class Remembering(Defense):
    """Gives an image that looks like an earlier one the earlier one's answer."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Memory(classifier))


class _Memory(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier
        self.looks: list[Tensor] = []
        self.answers: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(x)
        rows = []
        for image, answer in zip(x, logits, strict=True):
            coarse = nn.functional.adaptive_avg_pool2d(image.detach(), 4).flatten()
            near = [i for i, look in enumerate(self.looks) if float((look - coarse).abs().max()) < 0.05]
            if near:
                rows.append(0 * answer + self.answers[near[0]])
            else:
                self.looks.append(coarse)
                self.answers.append(answer.detach())
                rows.append(answer)
        return torch.stack(rows)


class GradientMode(Defense):
    """Another model wherever a gradient is asked for."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Moody(classifier))


class _Moody(nn.Module):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(x)
        return logits.flip(1) if torch.is_grad_enabled() else logits


class Silent(Defense):
    """Answers NaN to one image in eight."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        class Refusing(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                logits: Tensor = classifier(x)
                refused = (x.flatten(1).sum(1) * 8).long() % 8 == 0
                return torch.where(refused[:, None], float("nan"), logits)

        return DefendedModel(Refusing())


class Leaving(Defense):
    """Ends the process it is asked in."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            os._exit(7)

        return DefendedModel(classifier, purify=purify)


class Talking(Defense):
    """Prints while it answers."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            print("0\n0\n0")
            return x

        return DefendedModel(classifier, purify=purify)


class Noisy(Defense):
    """Adds Gaussian noise, as it says."""

    randomized = True
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.1 * noise.stream("layer").normal(x.shape[1:])

        return DefendedModel(classifier, purify=purify, randomized=True, votes=3)


class Reading(Defense):
    """Opens a file whenever it is asked."""

    def __init__(self, *, file: str, mode: str = "r") -> None:
        self.file = file
        self.mode = mode

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            with Path(self.file).open(self.mode):
                return x

        return DefendedModel(classifier, purify=purify)


class Ending(Defense):
    """Ends the process that everybody else is to be judged by."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            os.kill(os.getppid(), signal.SIGKILL)
            return x

        return DefendedModel(classifier, purify=purify)
