"""PGD: projected gradient descent from a random start."""

from __future__ import annotations

from torch import Tensor

from attacks.bim import BIM
from attacks.searches.iterative import State
from attacks.victim import Victim
from benchmark.core.noise import Noise
from benchmark.core.settings import Count, Length


class PGD(BIM):
    """Projected gradient descent: steepest ascent from a random start in the ball, projected onto it.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2.5ε/T by default.
        restarts: Independent random starts; only images still standing are tried again.
    """

    name = "pgd"
    source = "Madry et al. 2018, Towards deep learning models resistant to adversarial attacks, section 2.1"
    reach = 2.5

    def __init__(self, *, steps: Count = 50, step_size: Length | None = None, restarts: Count = 1) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.restarts = restarts

    def start(self, victim: Victim, x: Tensor, noise: Noise) -> State:
        return State(victim.ball.random(noise))
