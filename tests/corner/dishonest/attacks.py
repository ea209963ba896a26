"""Attacks that make no effort, break the rules, or say what is not so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from attacks.base import Aids, Attack, Attempt, Stop
from attacks.pgd import PGD
from benchmark.core.noise import Noise
from benchmark.core.threat import Access
from tests.corner.control import EPSILON


class _Cheat(Attack):
    source = "this test"
    steps: ClassVar[int] = 20
    known_gap: ClassVar[str] = ""


class NoEffort(_Cheat):
    """Gives the clean images back and calls that 20 steps."""

    name = "no-effort"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x


class TinySteps(PGD):
    """PGD with steps so small that nothing moves."""

    name = "tiny-steps"
    source = "this test"

    def __init__(self, *, steps: int = 20) -> None:
        super().__init__(steps=steps, step_size=1e-9)


class AsksOnly(_Cheat):
    """Spends its passes on the clean image."""

    name = "asks-only"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        for step in range(20):
            victim.gradient(x, noise.at(step))
        return x


class AsksNothing(_Cheat):
    """A query attack that asks no question."""

    name = "asks-nothing"
    access = Access.SCORES
    queries: ClassVar[int] = 1000

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x


class AsksTheSame(AsksNothing):
    """A query attack that asks the same a thousand times."""

    name = "asks-the-same"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        for step in range(100):
            victim.scores(x, noise.at(step))
        return x


class WritesIntoImages(_Cheat):
    """Writes far away pixels into the clean images, from which its own are then measured."""

    name = "writes-into-images"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        x.copy_(1 - x)
        return x


class MovesTheBall(_Cheat):
    """Writes into the centre of the ball."""

    name = "moves-the-ball"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        victim.ball.center.copy_(1 - x)
        return 1 - x


class GrowsTheBall(_Cheat):
    """Replaces the ball's ε."""

    name = "grows-the-ball"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        object.__setattr__(victim.ball, "epsilon", 1.0)
        return 1 - x


class WritesIntoLabels(_Cheat):
    """Overwrites the labels, so that right answers look wrong."""

    name = "writes-into-labels"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        victim.aim.labels.copy_(1 - victim.aim.labels)
        return x


class ClaimsSuccess(_Cheat):
    """Says that every image fell, and moved none."""

    name = "claims-success"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        return Attempt(x, torch.zeros(len(x), dtype=torch.int64))


class ClaimsFailure(PGD):
    """Breaks every image and gives the clean ones back."""

    name = "hides-its-success"
    source = "this test"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        super().run(victim, x, noise, stop)
        return Attempt(x, torch.full((len(x),), -1))


class LeavesTheBall(_Cheat):
    """Returns images beyond ε."""

    name = "leaves-the-ball"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return (x + 0.2).clamp(0, 1)


class ReturnsNan(_Cheat):
    """Returns pixels that are not numbers."""

    name = "returns-nan"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x * float("nan")


class SpoilsTheModel(_Cheat):
    """Writes into the weights of the model that it attacks."""

    name = "spoils-the-model"

    def prepare(self, aids: Aids) -> None:
        if aids.model is not None:
            with torch.no_grad():
                for weight in aids.model.parameters():
                    weight.zero_()

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x


class SpoilsTheVictim(_Cheat):
    """Puts another model in the victim's place."""

    name = "spoils-the-victim"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        victim.model.decide = lambda x, noise: torch.tensor([[1.0, 0.0]]).repeat(len(x), 1)
        return Attempt(x, torch.zeros(len(x), dtype=torch.int64))


class ShufflesRows(_Cheat):
    """Returns the images of others."""

    name = "shuffles-rows"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        return x.flip(0)


class ForgetsPasses(PGD):
    """Asks the model behind the counter's back."""

    name = "forgets-its-passes"
    source = "this test"

    def run(self, victim: Any, x: Tensor, noise: Noise, stop: Stop) -> Any:
        attempt = super().run(victim, x, noise, stop)
        victim._counter.forwards.zero_()
        victim._counter.backwards.zero_()
        return attempt


class WalksAtRandom(PGD):
    """Asks for every gradient and goes somewhere else."""

    name = "walks-at-random"
    source = "this test"

    def step(self, victim: Any, state: Any, noise: Noise) -> Any:
        victim.gradient(state.x, noise)
        away = noise.stream("anywhere").normal(state.x.shape[1:]).to(state.x).sign()
        return replace(state, x=victim.ball.project(state.x + EPSILON / 4 * away))


class HalfTheWay(PGD):
    """Stays within half of ε."""

    name = "half-the-way"
    source = "this test"

    def step(self, victim: Any, state: Any, noise: Noise) -> Any:
        x = state.x + EPSILON / 10 * victim.gradient(state.x, noise).sign()
        center = victim.ball.center
        return replace(state, x=x.clamp(center - 0.3 * EPSILON, center + 0.3 * EPSILON).clamp(0, 1))


class GivesUp(PGD):
    """PGD for half of the images, and 20 steps on the spot for the others."""

    name = "gives-up-on-half"
    source = "this test"

    def step(self, victim: Any, state: Any, noise: Noise) -> Any:
        following = super().step(victim, state, noise)
        chosen = state.x.mean((1, 2, 3), keepdim=True) > 0.5
        return replace(following, x=torch.where(chosen, following.x, victim.ball.project(state.x + 1e-4)))
