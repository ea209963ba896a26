"""No random number that an attack has seen decides whether an image is broken."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from torch import Tensor

from attacks.base import Attack, Composition, Stop
from attacks.gradients.autograd import Autograd
from attacks.objectives.aim import Aim
from attacks.victim import Oracle
from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import load_plugins
from benchmark.core.noise import Noise
from benchmark.core.plugin import registered
from benchmark.core.threat import Access
from benchmark.testing.attack_aids import prepared
from benchmark.testing.attack_trial import Trial
from benchmark.testing.claims import Claims
from benchmark.testing.problem import grayscale
from tests.test_contracts import SETTINGS

Draw = tuple[int, int, int]
"""What a defense's random numbers for one image follow from: the key and the row."""


class Recording(DefendedModel):
    """A classifier behind noise that notes its draws: those of the search, of each verification, of the verdict."""

    def __init__(self, spread: float) -> None:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            assert noise.step == -1, "the defense sees a step"
            self.seen[self.phase] |= {(*noise.key, lane) for lane in noise.lanes.tolist()}
            return x + spread * noise.normal(x.shape[1:])

        super().__init__(grayscale().classifier().eval(), purify=purify, votes=2, randomized=True)
        self.phase: str | int = "elsewhere"
        self.seen: dict[str | int, set[Draw]] = defaultdict(set)


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each verification of a `Recording` is a phase of its own."""
    verify = Oracle.verify

    def noted(self: Oracle, x: Tensor, candidate: Tensor, noise: Noise) -> Tensor:
        model = self._model
        assert isinstance(model, Recording)
        before, model.phase = model.phase, sum(isinstance(phase, int) for phase in model.seen)
        answer = verify(self, x, candidate, noise)
        model.phase = before
        return answer

    monkeypatch.setattr(Oracle, "verify", noted)


def attacks() -> list[Any]:
    load_plugins()
    own = {name: a for name, a in registered("attack").items() if a.__module__.startswith("attacks.")}
    return [pytest.param(attack, SETTINGS.get(f"attack:{name}", {}), id=name) for name, attack in sorted(own.items())]


@pytest.mark.parametrize(("kind", "settings"), attacks())
@pytest.mark.usefixtures("verifications")
def test_no_draw_comes_back(kind: type[Attack], settings: dict[str, Any]) -> None:
    attack = kind(**settings)
    model = Recording(0.15)
    for size, draws in (("small", 1), ("small", 2), ("large", 2)):
        seen = recorded(attack, model, size, draws)
        verified = [seen[phase] for phase in seen if isinstance(phase, int)]
        assert seen["search"] or attack.access is Access.SURROGATE
        assert seen["verdict"]
        judged = [*verified, seen["verdict"]]
        assert sum(map(len, judged)) == len(set().union(*judged)), "two decisions rest on the same draws"
        assert not seen["search"] & set().union(*judged), "a decision rests on draws that the search has seen"


def recorded(attack: Attack, model: Recording, size: str, draws: int) -> dict[str | int, set[Draw]]:
    trial, problem = Trial(attack, Claims(attack), grayscale()), grayscale()
    images = problem.correct(8)
    run = type(attack).run

    def noted(victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Any:
        model.phase = "search"
        attempt = run(attack, victim, x, noise, stop)
        model.phase = "verdict"
        return attempt

    attack.run = noted  # type: ignore[method-assign]
    composition = Composition(trial.norm, trial.epsilon(size, trial.norm), estimator=Autograd(draws=draws))
    model.phase = "elsewhere"
    composition = prepared(attack, model, problem, composition)
    model.seen.clear()
    attack(model, images.floats(), Aim(images.labels), Noise.of(0, images.index), composition)
    return model.seen.copy()
