"""AWP: adversarial training against moved images and moved weights at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from benchmark.core.settings import NotNegative, Positive
from benchmark.models.training.loop import Batch
from defenses.adversarial.method import PGDMethod
from defenses.adversarial.min_max import MinMax, madry, mart, trades
from defenses.adversarial.weight_perturbation import at_worst_weights


@dataclass(kw_only=True, eq=False, repr=False)
class AWP(PGDMethod):
    """Trains at the worst weights nearby, so that the loss is flat around those that are kept; on top of three methods.

    Each step finds adversarial images as the method does, then moves the weights of each layer by γ times their norm
    up the method's loss, and descends with the gradient found there. Otherwise as `adversarial-training`.

    Args:
        loss: The method that is trained by: "adversarial-training", "trades" or "mart".
        gamma: γ, length of the move in norms of a layer's weights.
        beta: β of "trades" (6 in its paper) or "mart" (5); without meaning for "adversarial-training".
        epsilon, steps, step_size, warm_up, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "awp"
    source = (
        "Wu, Xia & Wang 2020, Adversarial weight perturbation helps robust generalization, eq. 8 to 12, algorithm 1"
    )

    loss: Literal["adversarial-training", "trades", "mart"] = "adversarial-training"
    gamma: Positive = 0.01
    beta: NotNegative = 6.0

    @property
    def game(self) -> MinMax:
        if self.loss == "adversarial-training":
            return madry()
        return trades(self.beta) if self.loss == "trades" else mart(self.beta)

    def batch_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        game = self.game
        adversarial = game.attack(model, batch, self.budget_at(batch.progress))
        return at_worst_weights(model, lambda network: game.loss(network, adversarial, batch), gamma=self.gamma)
