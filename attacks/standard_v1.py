"""standard-v1: the ensemble that every row is measured by, complete for any number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from torch import Tensor

from attacks.apgd import APGD, Loss
from attacks.base import Aids, Attack, Attempt, Stop
from attacks.effort import Duration, Effort
from attacks.fab import FAB
from attacks.searches.square_search import SquareSearch
from attacks.victim import Oracle, Victim
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.core.settings import Count
from benchmark.core.threat import Access, Norm


@dataclass(frozen=True)
class Member:
    """One attack of the ensemble.

    Attributes:
        label: What it is called.
        attack: The attack; `broken_at` of the ensemble counts on through its members.
    """

    label: str
    attack: Attack


class StandardV1(Attack):
    """Worst case, image by image, over white-box and black-box attacks; cheap ones first, only survivors go on.

    Two classes: APGD on cross-entropy, APGD on the margin, FAB, Square. Three: untargeted DLR as well. Four and more:
    APGD on cross-entropy, APGD on targeted DLR over min(9, K − 1) classes, FAB over as many, Square. With two classes
    DLR is constant or undefined, and the margin takes its place, because cross-entropy saturates. It is not called
    AutoAttack, since for fewer than ten classes it is not that. An image that survives is submitted at the largest
    margin any member reached. Objectives are the members' own, so a suite cannot set one.

    Args:
        steps: Steps of each APGD and FAB run.
        queries: Queries of Square.
        restarts: Random starts of each APGD run.
    """

    name = "standard-v1"
    source = (
        "Croce and Hein 2020, Reliable evaluation of adversarial robustness, section 5; fewer than 10 classes: ours"
    )
    norms = frozenset({Norm.LINF})
    takes_objective = False

    def __init__(self, *, steps: Count = 100, queries: Count = 5000, restarts: Count = 1) -> None:
        self.steps = steps
        self.queries = queries
        self.restarts = restarts

    def budget(self) -> str:
        text = f"APGD and FAB of {self.steps} steps, Square of {self.queries} queries"
        return f"{text}, {self.restarts} restarts" if self.restarts > 1 else text

    def prepare(self, aids: Aids) -> None:
        """Raises UserError when the attacker is to ignore the defense: an ensemble must see who survives."""
        if not aids.composition.estimator.sees_defense:
            raise UserError(
                "it cannot tell survivors without seeing the defense",
                where=f"attack {self.name!r}",
                remedy="use another attack with this gradient",
            )

    def parts(self) -> tuple[Attack, ...]:
        """The members for two classes; with more there are others, of the same effort and more targets."""
        return tuple(member.attack for member in self.members(2))

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return reduce(add, (part.effort(norm, epsilon) for part in self.parts()))

    def duration(self) -> Duration:
        numbers = sum(part.duration().numbers for part in self.parts())
        return Duration(self.steps, self.queries, numbers)

    def least(self) -> Effort:
        return reduce(add, (part.least() for part in self.parts()))

    def shortfall(self, norm: Norm, epsilon: float) -> str:
        lacks = {m.label: m.attack.shortfall(norm, epsilon) for m in self.members(2)}
        return "; ".join(f"{label}: {words}" for label, words in lacks.items() if words)

    def members(self, classes: int, *, targeted: bool = False) -> list[Member]:
        """The attacks for this number of classes and this goal, in the order in which they are run."""
        targets = min(9, classes - 1)

        def apgd(loss: Loss, targets: int = 0) -> Member:
            attack = APGD(steps=self.steps, restarts=self.restarts, loss=loss, targets=targets)
            return Member(f"apgd {loss}" + " targeted" * bool(targets), attack)

        fab = Member("fab", FAB(steps=self.steps, rivals=targets))
        square = Member("square", SquareSearch(queries=self.queries))
        # Targeted DLR is at its largest where some third class wins, which is no success for a targeted goal.
        if classes == 2 or targeted:
            gradients = [apgd("cross-entropy"), apgd("margin")]
        elif classes == 3:
            gradients = [apgd("cross-entropy"), apgd("margin"), apgd("dlr")]
        else:
            gradients = [apgd("cross-entropy"), apgd("dlr", targets)]
        return [*gradients, fab, square]

    def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        # One query tells the number of classes, and every image pays for it alike.
        classes = victim.scores(x, noise.stream("classes")).shape[1]
        submitted = x.clone()
        best = torch.full((x.shape[0],), float("-inf"), device=x.device)
        broken_at = torch.full((x.shape[0],), -1, dtype=torch.int64, device=x.device)
        taken = 0
        for member in self.members(classes, targeted=victim.aim.targets is not None):
            left = (broken_at < 0).nonzero().flatten()
            if not len(left):
                break
            asked, own = victim[left], noise[left].stream(member.label)
            attempt = _attempt(member.attack, asked, x[left], own, stop)
            logits = asked.scores(attempt.x, own.stream("result"))
            fallen = asked.verify(attempt.x, asked.aim.reached(logits), own)
            at = torch.full_like(left, -1) if attempt.broken_at is None else attempt.broken_at
            fallen |= at >= 0
            margin = asked.aim.margin(logits)
            better = fallen | (margin > best[left])
            submitted[left[better]] = attempt.x[better]
            best[left[better]] = margin[better]
            # A member that does not say when it broke an image did so by its end.
            numbers = member.attack.duration().numbers
            when = torch.where(at >= 0, at, numbers - 1)
            broken_at[left[fallen]] = taken + when[fallen]
            taken += numbers
        return Attempt(submitted, broken_at)


def _attempt(attack: Attack, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
    faced: Oracle = victim.queries_only()
    if attack.access is Access.GRADIENT:
        faced = victim.towards(attack.default_objective())
    result = attack.run(faced, x, noise, stop)
    return result if isinstance(result, Attempt) else Attempt(result)
