"""Defenses whose every lie is a small one: about a share of the images, or in what a check does not weigh."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from defenses.base import DefendedModel, Passes
from tests.corner.control import Control, Wrapped, known, nearest
from tests.corner.dishonest.backward import TurnedGradient, _Backward
from tests.corner.dishonest.identity import NEAR


class _Told(Wrapped):
    """Adds the class of a known image to the scores, for one known image of so many."""

    def __init__(self, classifier: nn.Module, one_of: int) -> None:
        super().__init__(classifier)
        chosen = torch.arange(len(known())) // 2 % one_of == 0
        self.images, self.labels = known().floats()[chosen], known().labels[chosen]

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return logits + self.said(x)

    def said(self, x: Tensor) -> Tensor:
        which, distance = nearest(x, self.images)
        return 100 * nn.functional.one_hot(self.labels[which], 2) * (distance < NEAR)[:, None]


class KnowsASixth(Control):
    """Adds the class of every sixth evaluation image, which it knows, to the scores."""

    name = "knows-a-sixth"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Told(classifier, 6))


class KnowsAFifthDearly(Control):
    """Knows every fifth evaluation image, and says that a decision costs 500 passes, so that few images are checked."""

    name = "knows-a-fifth-dearly"
    purifier = True

    @property
    def purify_passes(self) -> Passes:
        return Passes(500)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Told(classifier, 5), purify=lambda x, noise: x.clone(), purify_passes=Passes(500))


class FlipsWeakSigns(Control):
    """The gradient with the other sign in the half of the pixels that weigh least, which is a tenth of its length."""

    name = "flips-weak-signs"
    retrains = True
    share = 0.45

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Pulled(classifier, self.lie))

    def lie(self, gradient: Tensor, x: Tensor) -> Tensor:
        size = gradient.abs().flatten(1)
        weak = size <= size.quantile(self.share, 1, keepdim=True)
        return torch.where(weak, -gradient.flatten(1), gradient.flatten(1)).view_as(gradient)


class _Pulled(Wrapped):
    def __init__(self, classifier: nn.Module, lie: object) -> None:
        super().__init__(classifier)
        self.lie = lie

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(_Backward.apply(x, self.lie))


class ManySmallLies(Control):
    """Knows a tenth of the images, turns the gradient of another tenth, and flips weak signs for all."""

    name = "many-small-lies"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def lie(gradient: Tensor, x: Tensor) -> Tensor:
            chosen = nn.functional.avg_pool2d(x, 8).flatten(1)
            few = (chosen[:, 0] - chosen[:, 3]) > 0.16
            return torch.where(few[:, None, None, None], gradient.transpose(2, 3), flipped.lie(gradient, x))

        flipped = FlipsWeakSigns()
        flipped.share = 0.35
        return DefendedModel(_ToldAndPulled(classifier, lie))


class _ToldAndPulled(_Told):
    def __init__(self, classifier: nn.Module, lie: object) -> None:
        super().__init__(classifier, 10)
        self.lie = lie

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(_Backward.apply(x, self.lie)) + self.said(x)


class ShrinksTowardsTheSure(Control):
    """The true gradient, turned by a quarter for images whose score is among the highest in a tenth of all."""

    name = "lies-about-the-surest"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def lie(gradient: Tensor, x: Tensor) -> Tensor:
            with torch.no_grad():
                logits = classifier(x)
            sure = (logits[:, 0] - logits[:, 1]).abs() > 6
            return torch.where(sure[:, None, None, None], TurnedGradient.lie(gradient, x), gradient)

        return DefendedModel(_Pulled(classifier, lie))
