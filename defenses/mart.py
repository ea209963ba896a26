"""MART: adversarial training that minds which images are wrong already when clean."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.core.settings import NotNegative
from defenses.adversarial.method import PGDMethod
from defenses.adversarial.min_max import MinMax, mart


@dataclass(kw_only=True, eq=False, repr=False)
class MART(PGDMethod):
    """Trains on PGD examples with a margin, and for a steady answer most where the clean image is in doubt.

    The loss is BCE(p(x′), y) + β KL(p(x) ‖ p(x′)) (1 − p_y(x)), with BCE(p, y) = −log p_y − log(1 − max_{k ≠ y} p_k).
    Otherwise as `adversarial-training`: from the classifier's own weights, ε growing at first, every class counted
    alike, the most robust epoch and its threshold kept.

    Args:
        beta: β, what a steady answer counts (λ of the paper).
        epsilon, steps, step_size, warm_up, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "mart"
    source = (
        "Wang et al. 2020, Improving adversarial robustness requires revisiting misclassified examples, eq. 11, "
        "algorithm 1"
    )

    beta: NotNegative = 5.0

    @property
    def game(self) -> MinMax:
        return mart(self.beta)
