"""The loop of every iterative attack: early exit, best iterate and two-stage verification, written once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attacks.base import AttackError, Attempt, Stop
from attacks.searches.stepwise import State, StepwiseAttack, each_restart
from attacks.victim import Oracle
from benchmark.core.noise import Noise

__all__ = ["IterativeAttack", "State"]


class IterativeAttack(StepwiseAttack):
    """An attack in two short methods: where to start, and what one step does.

    With `Stop.FIRST_SUCCESS` a fallen image leaves the batch at once; one that never falls is submitted at its best
    iterate (largest margin). Otherwise every image runs to the last step, which is submitted.
    """

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

        def standing() -> Tensor:
            return (broken_at < 0)[owner].nonzero().flatten()

        for restart, rows, own in each_restart(self.restarts, noise, standing):
            search = _Search(self, faced[rows], own[rows], stop, owner[rows])
            search.run(x[owner[rows]])
            left = owner[rows[::count]]
            broken, chosen = search.foremost(count)
            better = (search.best[chosen] >= best[left]) | (broken >= 0)
            submitted[left[better]] = search.submitted[chosen[better]]
            best[left[better]] = search.best[chosen[better]]
            broken_at[left] = torch.where(broken >= 0, broken + restart * (self.moves() + 1), broken)
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
        for step in range(self.attack.moves() + 1):
            at = noise.at(step)
            last = step == self.attack.moves()
            if last:
                following, seen = state, self.attack.look(victim, state.x, at.stream("look"))
            else:
                following, seen = self.attack.taken(victim, state, at)
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
        never = self.attack.moves() + 1
        first = torch.where(broken_at < 0, never, broken_at).amin(1)
        value = self.best.view(-1, count)
        if self.stop is Stop.FIRST_SUCCESS:
            value = torch.where(broken_at >= 0, float("inf"), value)
        chosen = value.argmax(1) + torch.arange(0, len(self.best), count, device=value.device)
        return torch.where(first == never, -1, first), chosen

    def _put(self, alive: Tensor, kept: Tensor, best: Tensor) -> None:
        self.submitted[alive] = kept
        self.best[alive] = best

    def _with_siblings(self, alive: Tensor, fallen: Tensor) -> Tensor:
        """The fallen, and the other searches of their images."""
        owner = self.owner[alive]
        return torch.isin(owner, owner[fallen])
