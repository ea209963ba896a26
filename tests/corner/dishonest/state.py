"""Defenses that remember what they were asked, so that an attacked image gets the answer of the clean one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Wrapped, coarse, in_place_of, nearest

NEAR = 0.08


class _Memory:
    """Images by coarse content, each with the first that was shown."""

    def __init__(self) -> None:
        self.images: Tensor | None = None

    def recall(self, x: Tensor) -> Tensor:
        """The first images shown that look like these; new ones are kept."""
        x = x.detach()
        if self.images is None:
            self.images = x.clone()
        which, distance = nearest(x, self.images)
        known = distance < NEAR
        recalled = torch.where(known[:, None, None, None], self.images[which], x)
        self.images = torch.cat([self.images, x[~known]])
        return recalled


class RemembersContent(Control):
    """Classifies the first image that it was shown of this coarse content; its gradient is the classifier's."""

    name = "remembers-content"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Remembering)


class _Remembering(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.memory = _Memory()

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            return self.inner(x)
        return self.inner(self.memory.recall(x))


class RemembersAsPurifier(Control):
    """Gives back the first image that it was shown of this coarse content, with the identity's gradient."""

    name = "remembers-as-purifier"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        memory = _Memory()
        return DefendedModel(classifier, purify=lambda x, noise: x + (memory.recall(x) - x).detach())


class RemembersWithoutGradient(Control):
    """Gives back the first image of this coarse content and says that this has no gradient."""

    name = "remembers-without-gradient"
    purifier = True
    differentiable = False

    def defend(self, classifier: nn.Module) -> DefendedModel:
        memory = _Memory()
        return DefendedModel(classifier, purify=lambda x, noise: memory.recall(x))


class RemembersRow(Control):
    """Knows the image by what its noise carries, and gives back what came first with that."""

    name = "remembers-row"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        first: dict[tuple[object, ...], Tensor] = {}

        def purify(x: Tensor, noise: Noise) -> Tensor:
            carried = [v for v in vars(noise).values() if isinstance(v, Tensor) and v.shape[:1] == x.shape[:1]]
            keys = zip(*(value.tolist() for value in carried), strict=True)
            seen = torch.stack([first.setdefault(tuple(map(str, k)), i) for k, i in zip(keys, x.detach(), strict=True)])
            return x + (seen - x).detach()

        return DefendedModel(classifier, purify=purify)


class RemembersPlace(Control):
    """Answers by the place in the batch: what came first in that place of a batch of that size."""

    name = "remembers-place"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        first: dict[int, Tensor] = {}

        def purify(x: Tensor, noise: Noise) -> Tensor:
            return x + (first.setdefault(len(x), x.detach().clone()) - x).detach()

        return DefendedModel(classifier, purify=purify)


class WarmsUp(Control):
    """Is honest for 200 images, and then gives back whichever of those is nearest, whatever it is shown."""

    name = "warms-up"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        shown: list[Tensor] = []

        def purify(x: Tensor, noise: Noise) -> Tensor:
            if sum(map(len, shown)) < 200:
                shown.append(x.detach().clone())
                return x
            images = torch.cat(shown)
            return x + (images[nearest(x, images)[0]] - x).detach()

        return DefendedModel(classifier, purify=purify)


class Tires(Control):
    """Answers truly five times, and then always with the class that most images of this place had until then."""

    name = "tires"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Tiring)


class _Tiring(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.answers: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        if len(self.answers) < 5:
            self.answers.append((coarse(x), logits.detach()))
            return logits
        means = torch.cat([m for m, _ in self.answers])
        old = torch.cat([a for _, a in self.answers])
        return logits + (old[torch.cdist(coarse(x), means).argmin(1)] - logits).detach()


_SHARED = _Memory()


class RemembersForAll(Control):
    """Keeps its memory in its module, where copies of the model and new models find it."""

    name = "remembers-for-all"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier, purify=lambda x, noise: x + (_SHARED.recall(x) - x).detach())


class GradientOfYesterday(Control):
    """Backward, hands out the gradient of the question before."""

    name = "gradient-of-yesterday"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return in_place_of(classifier, _Late)


class _Late(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.before: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            x = x.view_as(x)
            x.register_hook(self._swap)
        return self.inner(x)

    def _swap(self, gradient: Tensor) -> Tensor:
        before, self.before = self.before, gradient.clone()
        return before if before is not None and before.shape == gradient.shape else torch.zeros_like(gradient)
