"""Transfer: adversarial images made on a classifier of the attacker's own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attacks.base import Aids, Attack, Stop
from attacks.effort import Duration, Effort
from attacks.gradients.autograd import Autograd
from attacks.mi_fgsm import MIFGSM
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.searches.step_size import reach_of_steps
from attacks.victim import Blind, Counter, Victim
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length, NotNegative
from benchmark.core.threat import Access, Norm


class Transfer(Attack):
    """Crafts images on one classifier that the attacker has trained, and submits them without asking the victim.

    Momentum iterative steps (MI-FGSM), which transfer better than plain ones; the last iterate is submitted, since the
    attacker cannot tell which one the victim falls for.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; ε/T by default.
        decay: How much of the accumulated gradient a step keeps; 0 for plain BIM.
    """

    name = "transfer"
    source = "Papernot et al. 2017, Practical black-box attacks; crafted by Dong et al. 2018, algorithm 1"
    norms = frozenset({Norm.LINF, Norm.L2})
    access = Access.SURROGATE
    control = "the model is asked nothing"
    proxies = 1

    proxies_: tuple[nn.Module, ...] = ()

    def __init__(self, *, steps: Count = 20, step_size: Length | None = None, decay: NotNegative = 1.0) -> None:
        self.steps = steps
        self.step_size = step_size
        self.decay = decay

    def budget(self) -> str:
        return f"{self.steps} steps on {self.proxies} of the attacker's own classifiers, no query"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        reach = reach_of_steps(self.step_size, epsilon=epsilon, steps=self.steps, reach=1.0)
        return Effort(self.steps, proxies=self.steps * self.proxies, reach=reach)

    def duration(self) -> Duration:
        return Duration(self.steps)

    def prepare(self, aids: Aids) -> None:
        """Keep the proxies; raises UserError when there are fewer than the attack asks for."""
        if len(aids.proxies) < self.proxies:
            raise UserError(
                f"it needs {self.proxies} classifiers of the attacker's own and was given {len(aids.proxies)}",
                where=f"attack {self.name!r}",
                remedy="train more, or ask for fewer",
            )
        self.proxies_ = aids.proxies[: self.proxies]

    def run(self, victim: Blind, x: Tensor, noise: Noise, stop: Stop) -> Tensor:
        if not self.proxies_:
            raise UserError(
                "it has no classifier to craft on", where=f"attack {self.name!r}", remedy="call `prepare` first"
            )
        proxy = DefendedModel(MeanLogits(self.proxies_))
        crafting = MIFGSM(steps=self.steps, step_size=self.step_size, decay=self.decay)
        account, rows = Counter.zeros(x.shape[0], x.device), torch.arange(x.shape[0], device=x.device)
        own = Victim(proxy, CrossEntropy(), Autograd(), victim.aim, victim.ball, account, rows)
        with frozen(proxy):
            return crafting.run(own, x, noise, Stop.NEVER).x


class MeanLogits(nn.Module):
    """Several classifiers as one, by the mean of their logits (Dong et al. 2018, eq. 9)."""

    def __init__(self, members: tuple[nn.Module, ...]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, C, H, W] → logits [B, K]."""
        total: Tensor = sum(member(x) for member in self.members)
        return total / len(self.members)
