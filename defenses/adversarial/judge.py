"""How a checkpoint of adversarial training is judged, and its threshold chosen: by PGD on validation images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import EVALUATION_BATCH, class_weights
from benchmark.models.training.operating_point import youden_logit
from defenses.adversarial.maximisation import Budget, pgd
from defenses.base import FitData


@dataclass(frozen=True)
class Judge:
    """Attacks the validation images of `data` by PGD of `budget`, each time with the same random numbers.

    So epochs differ by their weights alone.
    """

    data: FitData
    budget: Budget

    def criterion(self, model: nn.Module, validation: LabeledImages) -> tuple[float, ...]:
        """Balanced accuracy under attack, at the threshold that suits it best; ties by class-weighted loss."""
        logits, labels = self._attacked(model, validation), validation.labels
        decisions = _decisions(model, logits, labels)
        shares = [(decisions[labels == k] == k).double().mean() for k in labels.unique().tolist()]
        weights = class_weights(self.data.train.labels, self.data.classes)
        return torch.stack(shares).mean().item(), -cross_entropy(logits, labels, weight=weights).item()

    def set_operating_point(self, model: nn.Module) -> None:
        """For two classes: the threshold with the largest Youden index on attacked validation images."""
        if isinstance(model, DeployedClassifier) and self.data.classes == 2:
            logits = self._attacked(model, self.data.validation)
            model.set_operating_logit(youden_logit(logits[:, 1] - logits[:, 0], self.data.validation.labels))

    def _attacked(self, model: nn.Module, images: LabeledImages) -> Tensor:
        parts = []
        for x, y, index in images.batches(EVALUATION_BATCH, device=self.data.device):
            noise = Noise.of(self.data.seed, index).stream("adversarial validation")
            adversarial = pgd(model, x, y, noise, self.budget)
            with frozen(model), torch.no_grad():
                parts.append(model(adversarial).float().cpu())
        return torch.cat(parts)


def _decisions(model: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """What the model would say at the operating threshold that suits these logits best."""
    if not isinstance(model, DeployedClassifier) or logits.shape[1] != 2:
        return logits.argmax(1)
    odds = logits[:, 1] - logits[:, 0]
    return (odds.double() >= youden_logit(odds, labels)).long()
