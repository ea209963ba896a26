"""An attack that only queries."""

from attacks import IterativeAttack, State
from benchmark import Access, Count


class Stripes(IterativeAttack):
    """Vertical stripes of random sign at full strength, a new set each step."""

    name = "stripes"
    source = "the initialisation of Andriushchenko et al. 2020, Square attack, section 3.2"
    access = Access.SCORES
    control = "no image follows from the answer about another"

    def __init__(self, *, steps: Count = 50) -> None:
        self.steps = steps

    def start(self, victim, x, noise):
        return State(x)

    def step(self, victim, state, noise):
        channels, _, width = state.x.shape[1:]
        stripes = noise.signs((channels, 1, width)) * victim.ball.epsilon
        return State(victim.ball.project(victim.ball.center + stripes))
