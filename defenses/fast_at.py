"""Fast adversarial training: one step from a random start, stopped where it stops working."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmark.core.settings import PixelLength, Share, refuse_overlong
from benchmark.models.training.loop import Batch
from defenses.adversarial.maximisation import Budget, pgd
from defenses.adversarial.method import AdversarialMethod
from defenses.adversarial.min_max import adversarial_loss
from defenses.base import FitData, Weights

_STOPPED = "stopped_after"


@dataclass(kw_only=True, eq=False, repr=False)
class FastAdversarialTraining(AdversarialMethod):
    """Trains on single gradient steps from a random start (FGSM-RS), and stops at catastrophic overfitting.

    A network can learn to answer single steps alone, and within an epoch it loses all robustness to longer attacks. So
    each epoch is judged by PGD on the validation images: training ends where the balanced accuracy under it has fallen
    by `fall`, and the most robust epoch before is kept, as in `adversarial-training`. `stopped_after` says when.

    Args:
        step_size: α, length of the step on pixels in [0, 1]; 1.25 · epsilon by default.
        fall: How far it falls from its best value where that counts as catastrophic. Less than guessing counts as
            guessing, 1/K, so that the ups and downs of a network without robustness end nothing.
        epsilon, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "fast-at"
    source = (
        "Wong, Rice & Kolter 2020, Fast is better than free: revisiting adversarial training, algorithm 3, sec. 5.4"
    )

    step_size: PixelLength | None = None
    fall: Share = 0.1

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train a copy of `classifier`; raises UserError for settings that make no sense."""
        self.check_settings()
        model = self.copy_to_train(classifier, data)
        chance = 1 / data.classes

        def overfits(values: list[tuple[float, ...]]) -> bool:
            return max(values[-1][0], chance) <= max(value[0] for value in values) - self.fall

        course = self.train(model, data, self.batch_loss, stop=overfits)
        self.keep(model)
        self.weights_[_STOPPED] = torch.tensor(course.epochs if course.epochs < self.epochs else 0)

    def batch_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy where one step leads."""
        budget = self.budget(1, self.step_size) if self.step_size else Budget(self.radius, 1.25 * self.radius, 1)
        return adversarial_loss(model, pgd(model, batch.images, batch.labels, batch.noise, budget), batch)

    @property
    def stopped_after(self) -> int | None:
        """The epoch, from 1, at whose end overfitting was noticed; None where training went on to its end."""
        return int(self.weights_[_STOPPED]) or None

    @property
    def network_weights(self) -> Weights:
        return {name: tensor for name, tensor in self.weights_.items() if name != _STOPPED}

    def check_settings(self) -> None:
        super().check_settings()
        refuse_overlong(self.step_size, self.epsilon, where=self.where)
