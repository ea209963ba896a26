"""Defensive distillation: a network taught the soft answers of its own kind, at a high temperature."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.frozen import frozen
from benchmark.core.settings import Positive
from benchmark.models.training.classifier import choose_operating_point
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import Batch, Loss, optimize
from defenses.adversarial.losses import weighted_mean
from defenses.adversarial.retraining import Retraining
from defenses.base import FitData


@dataclass(kw_only=True, eq=False, repr=False)
class DefensiveDistillation(Retraining):
    """Trains a teacher on the labels and a student on the teacher's probabilities, both at temperature T.

    Temperature T divides the logits before the softmax; it is taken away when the student is deployed. So its logits
    are about T times as large, its probabilities are 0 and 1 as single precision holds them, and the gradient of a
    cross-entropy vanishes: plain attacks find nothing, while one on the margin of the logits breaks it like an
    undefended network (Carlini & Wagner 2017). It is here to be broken.

    Teacher and student have the classifier's architecture and begin at its weights; of each the epoch with the best
    validation AUROC is kept, every class counts alike, and for two classes the operating threshold is the one with the
    largest Youden index on clean validation images.

    Args:
        temperature: T.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`, of each of the two.
    """

    name = "defensive-distillation"
    source = "Papernot et al. 2016, Distillation as a defense to adversarial perturbations, sec. IV, eq. 10"

    temperature: Positive = 20.0

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train a teacher and a student; raises UserError for settings that make no sense."""
        self.check_settings()
        teacher = self.copy_to_train(classifier, data)
        self._train(teacher, data, self._hard_loss, first=0.0)
        student = self.copy_to_train(classifier, data)
        self._train(student, data, lambda model, batch: self._soft_loss(model, teacher, batch), first=0.5)
        if isinstance(student, DeployedClassifier):
            choose_operating_point(student, data.validation, device=data.device)
        self.keep(student)

    def _train(self, model: nn.Module, data: FitData, loss: Loss, *, first: float) -> None:
        optimize(
            model,
            data.train,
            data.validation,
            recipe=self.recipe,
            classes=data.classes,
            seed=data.seed,
            device=data.device,
            report=lambda done, text: data.report(first + done / 2, text),
            loss=loss,
        )

    def _hard_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return cross_entropy(model(batch.images) / self.temperature, batch.labels, weight=batch.weights)

    def _soft_loss(self, student: nn.Module, teacher: nn.Module, batch: Batch) -> Tensor:
        with frozen(teacher), torch.no_grad():
            soft = (teacher(batch.images) / self.temperature).softmax(1)
        answers = (student(batch.images) / self.temperature).log_softmax(1)
        return weighted_mean(-(soft * answers).sum(1), batch.labels, batch.weights)
