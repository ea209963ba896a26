"""Plug-ins that are bad in one place each: every place × every misdeed, as classes that any process can import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from attacks.base import Attack
from defenses.base import DefendedModel, Defense
from detectors.base import Detector
from tests.fuzz.misdeeds import CHANGES, DIES, GIVES, HANGS, RAISES, WEIGHTS

DEEDS = {**RAISES, **DIES, **HANGS, **CHANGES}


class Bad:
    """What all of these share.

    Attributes:
        place: The method that is bad.
        deed: What it does there, before what it should.
        gift: What it makes of what it should give.
    """

    place = ""
    deed: Callable[[], Any] | None = None
    gift: Callable[[Any], Any] | None = None

    def at(self, place: str, answer: Any = None) -> Any:
        """Do the deed here, if this is the place."""
        if self.place != place:
            return answer
        cls = type(self)
        if cls.deed is not None:
            cls.__dict__["deed"].__func__()
        return answer if cls.gift is None else cls.__dict__["gift"].__func__(answer)


class _BadDefense(Bad):
    def fit(self, classifier, data):  # type: ignore[no-untyped-def]
        self.at("fit")
        if self.place == "weights":
            self.weights_ = WEIGHTS[type(self).given]  # type: ignore[attr-defined]

    def defend(self, classifier):  # type: ignore[no-untyped-def]
        def purify(x, noise):  # type: ignore[no-untyped-def]
            return self.at("purify", x)

        return self.at("defend", DefendedModel(_Asked(classifier, self), purify=purify))


class _Asked(nn.Module):
    def __init__(self, classifier: nn.Module, bad: Bad) -> None:
        super().__init__()
        self.classifier, self._bad = classifier, [bad]

    def forward(self, x):  # type: ignore[no-untyped-def]
        return self._bad[0].at("forward", self.classifier(x))


class _BadAttack(Bad):
    def prepare(self, aids):  # type: ignore[no-untyped-def]
        self.at("prepare")

    def run(self, victim, x, noise, stop):  # type: ignore[no-untyped-def]
        return self.at("run", x)


class _BadDetector(Bad):
    def fit(self, data):  # type: ignore[no-untyped-def]
        self.at("fit")

    def score(self, features):  # type: ignore[no-untyped-def]
        return self.at("score", np.zeros(len(features)))


PLACES: dict[str, tuple[type, type, tuple[str, ...]]] = {
    "defense": (_BadDefense, Defense, ("fit", "defend", "purify", "forward")),
    "attack": (_BadAttack, Attack, ("prepare", "run")),
    "detector": (_BadDetector, Detector, ("fit", "score")),
}
GIVING = {"defend", "purify", "forward", "run", "score"}
KINDS: dict[str, str] = {}
"""Every bad plug-in: its name → whether it is a defense, an attack or a detector."""


def _define(kind: str, place: str, misdeed: str, **own: Any) -> None:
    name = f"{kind}-{place}-{misdeed}"
    bad, base, _ = PLACES[kind]
    title = "".join(part.capitalize() for part in name.split("-"))
    body = {"name": name, "source": "this test", "place": place, "__doc__": f"{name}.", "__module__": __name__, **own}
    globals()[title] = type(title, (bad, base), body)
    KINDS[name] = kind


for _kind, (_, _, _places) in PLACES.items():
    for _place in _places:
        for _misdeed, _deed in DEEDS.items():
            _define(_kind, _place, _misdeed, deed=staticmethod(_deed))
        if _place in GIVING:
            for _misdeed, _gift in GIVES.items():
                _define(_kind, _place, f"gives-{_misdeed}", gift=staticmethod(_gift))
for _misdeed in WEIGHTS:
    _define("defense", "weights", _misdeed, given=_misdeed)
