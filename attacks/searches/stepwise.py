"""What every search step by step shares: its state, how its questions are read off the victim, restarts, effort."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from torch import Tensor

from attacks.base import Attack
from attacks.effort import Duration, Effort
from attacks.victim import Observation, Oracle
from benchmark.core.noise import Noise
from benchmark.core.threat import Access, Norm


@dataclass(frozen=True)
class State:
    """Where a search stands; subclasses add batch-first tensors (momentum, step sizes, …).

    Attributes:
        x: The image to look at next: [B, C, H, W].
    """

    x: Tensor

    def __getitem__(self, rows: Tensor) -> Self:
        """The state of some of the images."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v[rows] for k, v in values.items() if isinstance(v, Tensor)})


class StepwiseAttack(Attack):
    """An attack in two short methods: where to start, and what one step does.

    `step` asks the victim about `state.x` and returns the next state. What the victim was last asked, and its answer,
    is read off it (`victim.observed`), so knowing whether the image has fallen costs no extra pass.
    """

    restarts: int = 1
    steps: int

    @abstractmethod
    def start(self, victim: Any, x: Tensor, noise: Noise) -> State:
        """The first state, from clean images `x` [B, C, H, W]."""
        raise NotImplementedError

    @abstractmethod
    def step(self, victim: Any, state: Any, noise: Noise) -> State:
        """One step. `noise.step` is the number of the step, from 0."""
        raise NotImplementedError

    def moves(self) -> int:
        """Steps of one search."""
        return self.steps

    def duration(self) -> Duration:
        """A look after the last step of each restart, too."""
        return Duration(self.moves(), numbers=self.restarts * (self.moves() + 1))

    def budget(self) -> str:
        return restarted(f"{self.steps} step{'s' * (self.steps != 1)}", self.restarts)

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """A gradient or an answer a step; a search whose steps have a length of their own says how far they reach."""
        asked = self.moves() * self.restarts
        if self.access is Access.GRADIENT:
            return Effort(steps=self.moves(), gradients=asked)
        return Effort(steps=self.moves(), queries=asked)

    def taken(self, victim: Oracle, state: State, noise: Noise) -> tuple[State, Observation]:
        """One step, and what was asked in it; a step that asked nothing is followed by a look at its image."""
        victim.forget()
        following = self.step(victim, state, noise)
        return following, victim.observed if victim.asked else self.look(victim, state.x, noise.stream("look"))

    def look(self, victim: Oracle, x: Tensor, noise: Noise) -> Observation:
        """The victim's answer about `x`."""
        victim.scores(x, noise)
        return victim.observed


def each_restart(count: int, noise: Noise, standing: Callable[[], Tensor]) -> Iterator[tuple[int, Tensor, Noise]]:
    """The number of each restart, the images that still stand before it, and random numbers of its own for all images.

    Args:
        count: Restarts; none begins when nothing stands.
        noise: Keyed random numbers, one row per image.
        standing: Gives the images worth another search: indices, int64.
    """
    for restart in range(count):
        rows = standing()
        if not len(rows):
            return
        yield restart, rows, noise.stream(f"restart {restart}")


def restarted(text: str, restarts: int) -> str:
    """The effort of one run in words, times its restarts."""
    return f"{text} × {restarts} restarts" if restarts > 1 else text
