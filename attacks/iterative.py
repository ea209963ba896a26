"""The loop of every iterative attack: early exit, best iterate, two-stage verification and restarts, written once."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from attacks.base import Attack, Attempt, Stop
from attacks.victim import Observation, Oracle
from benchmark.noise import Noise


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


class IterativeAttack(Attack):
    """An attack in two short methods: where to start, and what one step does.

    `step` asks the victim about `state.x` (by `gradient` or `scores`) and returns the next state. The loop reads the
    answer off the victim, so knowing whether the image has fallen costs no extra pass. A fallen image leaves the batch
    at once; one that never falls is submitted at its best iterate (largest margin). With `Stop.NEVER` every image runs
    to the last step, which is submitted.
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

    def budget(self) -> str:
        text = f"{self.steps} step{'s' * (self.steps != 1)}"
        return f"{text} × {self.restarts} restarts" if self.restarts > 1 else text

    def runs(self, victim: Any, x: Tensor, noise: Noise) -> list[Oracle]:
        """What successive runs face: by default the same victim, `restarts` times. Images still standing go on."""
        return [victim] * self.restarts

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        submitted = x.clone()
        best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        for number, faced in enumerate(self.runs(victim, x, noise)):
            left = (broken_at < 0).nonzero().flatten()
            if not len(left):
                break
            search = _Search(self, faced[left], noise[left].stream(f"restart {number}"), stop)
            search.run(x[left])
            better = (search.best >= best[left]) | (search.broken_at >= 0)
            submitted[left[better]] = search.submitted[better]
            best[left[better]] = search.best[better]
            offset = number * (self.steps + 1)
            broken_at[left] = torch.where(search.broken_at >= 0, search.broken_at + offset, search.broken_at)
        return Attempt(submitted, broken_at)


class _Search:
    """One restart over a batch that shrinks as images fall."""

    def __init__(self, attack: IterativeAttack, victim: Oracle, noise: Noise, stop: Stop) -> None:
        self.attack = attack
        self.victim = victim
        self.noise = noise
        self.stop = stop

    def run(self, x: Tensor) -> None:
        self.submitted = x.clone()
        self.best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        self.broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        alive = torch.arange(x.shape[0], device=x.device)
        victim, noise = self.victim, self.noise
        state = self.attack.start(victim, x, noise.stream("start"))
        for step in range(self.attack.steps + 1):
            at = noise.at(step)
            if step < self.attack.steps:
                victim.observed = None
                following = self.attack.step(victim, state, at)
                if victim.observed is None:
                    victim.scores(state.x, at.stream("look"))
            else:
                following = state
                victim.scores(state.x, at.stream("look"))
            assert victim.observed is not None
            fallen = self._record(victim, victim.observed, alive, at, last=step == self.attack.steps)
            state = following
            if self.stop is Stop.FIRST_SUCCESS and bool(fallen.any()):
                keep = (~fallen).nonzero().flatten()
                if not len(keep):
                    return
                alive, victim, noise, state = alive[keep], victim[keep], noise[keep], state[keep]

    def _record(self, victim: Oracle, seen: Observation, alive: Tensor, noise: Noise, *, last: bool) -> Tensor:
        margin = victim.aim.margin(seen.logits)
        better = margin > self.best[alive]
        if self.stop is Stop.NEVER:
            better = torch.full_like(better, last)
        self.submitted[alive[better]] = seen.x[better]
        self.best[alive[better]] = margin[better]
        candidate = victim.aim.reached(seen.logits)
        fallen = victim.verify(seen.x, candidate, noise)
        first = fallen & (self.broken_at[alive] < 0)
        self.broken_at[alive[first]] = noise.step
        if self.stop is Stop.FIRST_SUCCESS:
            self.submitted[alive[fallen]] = seen.x[fallen]
        return fallen
