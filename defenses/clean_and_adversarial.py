"""Training on clean and adversarial images at once."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from benchmark.core.settings import Share
from benchmark.models.training.loop import Batch, weighted_cross_entropy
from defenses.adversarial.method import PGDMethod


@dataclass(kw_only=True, eq=False, repr=False)
class CleanAndAdversarial(PGDMethod):
    """Trains on every image twice: as it is, and as PGD makes it.

    The loss is c CE(f(x), y) + (1 − c) CE(f(x′), y). Otherwise as `adversarial-training`, which this is at c = 0.

    Args:
        clean_share: c, what clean images count.
        epsilon, steps, step_size, warm_up, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "clean-and-adversarial"
    source = "Goodfellow, Shlens & Szegedy 2015, sec. 6, with PGD in the place of FGSM; Kurakin et al. 2017, eq. 1"

    clean_share: Share = 0.5

    def batch_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        clean = weighted_cross_entropy(model, batch)
        return self.clean_share * clean + (1 - self.clean_share) * super().batch_loss(model, batch)
