"""TRADES: clean accuracy, and a boundary kept away from the images, traded by one number."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.core.settings import NotNegative
from defenses.adversarial.method import PGDMethod
from defenses.adversarial.min_max import MinMax, trades


@dataclass(kw_only=True, eq=False, repr=False)
class TRADES(PGDMethod):
    """Trains for the right answer on clean images, and for the same answer all around them.

    The loss is CE(f(x), y) + β KL(f(x) ‖ f(x′)), where x′ maximises the divergence, from a start at 0.001 normal noise
    beside x. Otherwise as `adversarial-training`: from the classifier's own weights, ε growing at first, every class
    counted alike, the most robust epoch and its threshold kept.

    Args:
        beta: β, what robustness counts beside accuracy (1/λ of the paper).
        epsilon, steps, step_size, warm_up, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "trades"
    source = "Zhang et al. 2019, Theoretically principled trade-off between robustness and accuracy, eq. 5, algorithm 1"

    beta: NotNegative = 6.0

    @property
    def game(self) -> MinMax:
        return trades(self.beta)
