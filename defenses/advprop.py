"""AdvProp: adversarial images as a second kind of training images, with batch normalisation of their own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.models.training.loop import Batch, weighted_cross_entropy
from defenses.adversarial.method import PGDMethod
from defenses.adversarial.two_norms import auxiliary, join_norms, split_norms
from defenses.base import FitData


@dataclass(kw_only=True, eq=False, repr=False)
class AdvProp(PGDMethod):
    """Trains on clean and adversarial images, each through batch normalisation of its own, and deploys the clean one.

    The loss is CE(f(x), y) + CE(f'(x′), y), where f' is f with auxiliary batch normalisation, which the attack sees,
    too. At inference the auxiliary layers are dropped. It was made for accuracy on clean images that look otherwise
    than the training images, and promises less under attack than `adversarial-training`. A classifier without batch
    normalisation is refused: there it would be `clean-and-adversarial`. Otherwise as `adversarial-training`; what is
    judged under attack is the network that is deployed.

    Args:
        epsilon, steps, step_size, warm_up, validation_steps: As in `adversarial-training`.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "advprop"
    source = "Xie et al. 2020, Adversarial examples improve image recognition, eq. 3, algorithm 1"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train a copy of `classifier`; raises UserError where it has no batch normalisation within."""
        self.check_settings()
        model = self.copy_to_train(classifier, data)
        if split_norms(model) == 0:
            raise UserError(
                "the classifier has no batch normalisation, of which advprop needs a second one",
                where=self.where,
                remedy="use clean-and-adversarial, which is the same without it",
            )
        self.train(model, data, self.batch_loss)
        join_norms(model)
        self.keep(model)

    def batch_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        clean = weighted_cross_entropy(model, batch)
        with auxiliary(model):
            return clean + super().batch_loss(model, batch)
