"""Defenses whose copies are other models than they are."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel
from tests.corner.control import Control, Opposite, Wrapped

_made = 0


class CopiesOtherwise(Control):
    """A deep copy of its model is another network."""

    name = "copies-otherwise"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return _Copied(classifier)


class _Copied(DefendedModel):
    def __deepcopy__(self, memo: dict[int, Any]) -> DefendedModel:
        return DefendedModel(Opposite(self.classifier))


class MadeOnce(Control):
    """The first model that it makes in a process is another than those after it."""

    name = "made-once"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        global _made
        _made += 1
        return DefendedModel(Opposite(classifier) if _made == 1 else classifier)


class WeightsDecide(Control):
    """With the weights that it learnt it is another network than before."""

    name = "before-and-after-fit"
    retrains = True

    def fit(self, classifier: nn.Module, data: object) -> None:
        self.weights_ = {"fitted": next(classifier.parameters()).detach().clone()}

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier if self.weights_ else Opposite(classifier))


class ByMode(Control):
    """In training mode it is another network, and it stays in it."""

    name = "stays-in-training-mode"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Moded(classifier))


class _Moded(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Opposite(classifier)
        self.asked = 0

    def eval(self) -> _Moded:
        self.asked += 1
        return self

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if self.asked % 2 else self.inner)(x)


class FrozenOrNot(Control):
    """Another network answers while weights require no gradient, as they do under attack."""

    name = "frozen-or-not"
    retrains = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(_Frozen(classifier))


class _Frozen(Wrapped):
    def __init__(self, classifier: nn.Module) -> None:
        super().__init__(classifier)
        self.other = Opposite(classifier)

    def forward(self, x: Tensor) -> Tensor:
        return (self.other if any(p.requires_grad for p in self.inner.parameters()) else self.inner)(x)


class StateDict(Control):
    """Hands out weights of its own that say nothing, and hides those that decide from every copy."""

    name = "hides-its-weights"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        hidden = [0]

        def purify(x: Tensor, noise: Noise) -> Tensor:
            hidden[0] += 1
            return x.clone() if hidden[0] < 4 or hidden[0] % 2 else x.transpose(2, 3).contiguous()

        return DefendedModel(classifier, purify=purify)
