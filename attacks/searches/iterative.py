"""The loop of every iterative attack: early exit, best iterate, two-stage verification and restarts, written once."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from attacks.base import Attack, AttackError, Attempt, Stop
from attacks.effort import Effort
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


class IterativeAttack(Attack):
    """An attack in two short methods: where to start, and what one step does.

    `step` asks the victim about `state.x` (by `gradient` or `scores`) and returns the next state. The loop reads the
    answer off the victim, so knowing whether the image has fallen costs no extra pass. With `Stop.FIRST_SUCCESS` a
    fallen image leaves the batch at once; one that never falls is submitted at its best iterate (largest margin).
    Otherwise every image runs to the last step, which is submitted.
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

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        """A gradient or an answer a step; a search whose steps have a length of their own says how far they reach."""
        asked = self.steps * self.restarts
        if self.access is Access.GRADIENT:
            return Effort(steps=self.steps, gradients=asked)
        return Effort(steps=self.steps, queries=asked)

    def copies(self, victim: Any, noise: Noise) -> tuple[Any, int]:
        """The victim that the searches face, and how many searches each image has: by default itself, and one.

        Several searches of an image stand in succession, run side by side and end with the first that succeeds.
        """
        return victim, 1

    def run(self, victim: Oracle, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        faced, count = self.copies(victim, noise)
        owner = torch.arange(x.shape[0], device=x.device).repeat_interleave(count)
        noise = noise.repeat(count)
        broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        submitted = x.clone()
        best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        for restart in range(self.restarts):
            rows = (broken_at < 0)[owner].nonzero().flatten()
            if not len(rows):
                break
            search = _Search(self, faced[rows], noise[rows].stream(f"restart {restart}"), stop, owner[rows])
            search.run(x[owner[rows]])
            left = owner[rows[::count]]
            broken, chosen = search.foremost(count)
            better = (search.best[chosen] >= best[left]) | (broken >= 0)
            submitted[left[better]] = search.submitted[chosen[better]]
            best[left[better]] = search.best[chosen[better]]
            broken_at[left] = torch.where(broken >= 0, broken + restart * (self.steps + 1), broken)
        return Attempt(submitted, broken_at)


class _Search:
    """One restart over a batch that shrinks as images fall."""

    def __init__(self, attack: IterativeAttack, victim: Oracle, noise: Noise, stop: Stop, owner: Tensor) -> None:
        self.attack = attack
        self.victim = victim
        self.noise = noise
        self.stop = stop
        self.owner = owner

    def run(self, x: Tensor) -> None:
        self.submitted = x.clone()
        self.best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        self.broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        alive = torch.arange(x.shape[0], device=x.device)
        # What is kept of the images still in the batch moves with it, and is put in its place when they leave.
        kept, best = self.submitted, self.best
        victim, noise = self.victim, self.noise
        state = self.attack.start(victim, x, noise.stream("start"))
        for step in range(self.attack.steps + 1):
            at = noise.at(step)
            last = step == self.attack.steps
            following, seen = (state, self._look(victim, state, at)) if last else self._step(victim, state, at)
            margin = victim.aim.margin(seen.logits)
            if self.stop is Stop.FIRST_SUCCESS:
                better = margin > best
                kept = torch.where(better.view(-1, 1, 1, 1), seen.x, kept)
                best = torch.where(better, margin, best)
            elif last:
                kept, best = seen.x, margin
            state = following
            # Where every margin is a negative number nothing has fallen and no pixel is broken: most steps end here.
            if not bool(((margin >= 0) | ~margin.isfinite()).any()):
                continue
            if not bool(seen.x.isfinite().all()):
                # The clean image would be submitted in its place and pass for robust.
                raise AttackError(f"{self.attack.name} made pixels that are not finite in step {step}")
            fallen = victim.aim.reached(seen.logits) & (self.broken_at[alive] < 0)
            if self.stop is not Stop.NEVER:
                # Verification asks the defense, which an attack that never stops may not know of.
                fallen = victim.verify(seen.x, fallen, at)
            self.broken_at[alive] = torch.where(fallen, step, self.broken_at[alive])
            if self.stop is Stop.FIRST_SUCCESS and bool(fallen.any()):
                kept = torch.where(fallen.view(-1, 1, 1, 1), seen.x, kept)
                self._put(alive, kept, best)
                keep = (~self._with_siblings(alive, fallen)).nonzero().flatten()
                if not len(keep):
                    return
                alive, victim, noise, state = alive[keep], victim[keep], noise[keep], state[keep]
                kept, best = kept[keep], best[keep]
        self._put(alive, kept, best)

    def foremost(self, count: int) -> tuple[Tensor, Tensor]:
        """For each image with its `count` searches: the step of its first success, and the search to submit."""
        broken_at = self.broken_at.view(-1, count)
        never = self.attack.steps + 1
        first = torch.where(broken_at < 0, never, broken_at).amin(1)
        value = self.best.view(-1, count)
        if self.stop is Stop.FIRST_SUCCESS:
            value = torch.where(broken_at >= 0, float("inf"), value)
        chosen = value.argmax(1) + torch.arange(0, len(self.best), count, device=value.device)
        return torch.where(first == never, -1, first), chosen

    def _step(self, victim: Oracle, state: State, noise: Noise) -> tuple[State, Observation]:
        victim.observed = None
        following = self.attack.step(victim, state, noise)
        return following, victim.observed or self._look(victim, state, noise)

    def _look(self, victim: Oracle, state: State, noise: Noise) -> Observation:
        victim.scores(state.x, noise.stream("look"))
        assert victim.observed is not None
        return victim.observed

    def _put(self, alive: Tensor, kept: Tensor, best: Tensor) -> None:
        self.submitted[alive] = kept
        self.best[alive] = best

    def _with_siblings(self, alive: Tensor, fallen: Tensor) -> Tensor:
        """The fallen, and the other searches of their images."""
        owner = self.owner[alive]
        return torch.isin(owner, owner[fallen])
