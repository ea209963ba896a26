"""Adversarial training with early stopping."""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.settings import BatchRows, Count, Decay, PixelLength, Rate, Share, Shift, refuse_overlong
from benchmark.core.threat import Epsilon
from benchmark.models.training.deployed import DeployedClassifier
from benchmark.models.training.loop import EVALUATION_BATCH, class_weights, optimize
from benchmark.models.training.operating_point import youden_logit
from benchmark.models.training.recipe import Recipe
from benchmark.models.training.weights import fill
from defenses.base import DefendedModel, Defense, FitData


class AdversarialTraining(Defense):
    """Trains the classifier further on PGD examples and keeps the epoch most robust on validation images.

    Training starts from the classifier's own weights. The inner maximisation is L∞ PGD from a random start, in eval
    mode; its ε grows from 0 during the first part of the training, which leaves a small network a little more robust
    than full strength from the start. The loss counts every class alike, so that calling every image by the commoner
    class does not pay. The epoch kept is the one with the best balanced accuracy under PGD on the validation images,
    and for two classes the operating threshold is the one that gives it.

    Args:
        epsilon: L∞ bound trained for, on pixels in [0, 1].
        steps: PGD steps on each training batch.
        step_size: Length of a step on pixels in [0, 1]; 2.5 · epsilon / steps by default (Madry et al. 2018, app. B).
        warm_up: Share of the training over which ε and the step grow linearly to full size.
        validation_steps: PGD steps when an epoch is judged.
        epochs, batch_size, optimizer, learning_rate, weight_decay, schedule, shift: As in `Recipe`.
    """

    name = "adversarial-training"
    source = "Madry et al. 2018, eq. 2.1; early stopping: Rice, Wong & Kolter 2020, sec. 3.3"
    retrains = True

    def __init__(
        self,
        *,
        epsilon: PixelLength = "8/255",
        steps: Count = 5,
        step_size: PixelLength | None = None,
        warm_up: Share = 0.3,
        validation_steps: Count = 10,
        epochs: Count = 10,
        batch_size: BatchRows = 128,
        optimizer: Literal["adam", "sgd"] = "adam",
        learning_rate: Rate = 3e-3,
        weight_decay: Decay = 1e-3,
        schedule: Literal["constant", "cosine", "steps"] = "cosine",
        shift: Shift = 1,
    ) -> None:
        self.epsilon = epsilon
        self.steps = steps
        self.step_size = step_size
        self.warm_up = warm_up
        self.validation_steps = validation_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.shift = shift

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        """Train a copy of `classifier`; raises UserError for settings that make no sense."""
        where = f"defense {self.name!r}"
        self.check_settings()
        recipe = Recipe(
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            shift=self.shift,
        )
        recipe.check(where=where)
        epsilon = Epsilon.parse(self.epsilon, where=where).value
        step_size = self._step_size(epsilon, self.steps, where)
        weights = class_weights(data.train.labels, data.classes)
        model = copy.deepcopy(classifier).to(data.device).requires_grad_(True)
        if isinstance(model, DeployedClassifier) and data.classes == 2:
            model.set_operating_logit(0.0)

        def perturb(model: nn.Module, x: Tensor, y: Tensor, noise: Noise, progress: float) -> Tensor:
            scale = min(1.0, progress / self.warm_up) if self.warm_up else 1.0
            return pgd(model, x, y, noise, epsilon=scale * epsilon, step_size=scale * step_size, steps=self.steps)

        def attacked(model: nn.Module) -> Tensor:
            length = self._step_size(epsilon, self.validation_steps, where)
            return _attacked_logits(model, data.validation, data, epsilon, length, self.validation_steps)

        def criterion(model: nn.Module, validation: LabeledImages) -> tuple[float, ...]:
            logits, labels = attacked(model), validation.labels
            decisions = _decisions(model, logits, labels)
            shares = [(decisions[labels == k] == k).double().mean() for k in labels.unique().tolist()]
            return torch.stack(shares).mean().item(), -cross_entropy(logits, labels, weight=weights).item()

        optimize(
            model,
            data.train,
            data.validation,
            recipe=recipe,
            classes=data.classes,
            seed=data.seed,
            device=data.device,
            report=data.report,
            perturb=perturb,
            criterion=criterion,
        )
        if isinstance(model, DeployedClassifier) and data.classes == 2:
            logits = attacked(model)
            model.set_operating_logit(youden_logit(logits[:, 1] - logits[:, 0], data.validation.labels))
        self.weights_ = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}

    def abridged(self) -> AdversarialTraining:
        return AdversarialTraining(**{**self.settings(), "epochs": 1})

    def defend(self, classifier: nn.Module) -> DefendedModel:
        """A copy of `classifier` with the trained weights; raises UserError before `fit` or when they do not fit."""
        if not self.weights_:
            raise UserError("it has no weights yet", where=f"defense {self.name!r}", remedy="fit it first")
        model = copy.deepcopy(classifier)
        fill(model, self.weights_, where=f"defense {self.name!r}")
        return DefendedModel(model.eval())

    def _step_size(self, epsilon: float, steps: int, where: str) -> float:
        if self.step_size is None:
            return 2.5 * epsilon / steps
        return Epsilon.parse(self.step_size, where=f"{where}, step_size").value

    def check_settings(self) -> None:
        where = f"defense {self.name!r}"
        for key in ("steps", "validation_steps"):
            if getattr(self, key) < 1:
                raise UserError(f"{key} is {getattr(self, key)}", where=where, remedy="give 1 or more")
        if not 0 <= self.warm_up <= 1:
            raise UserError(f"warm_up is {self.warm_up}", where=where, remedy="give a share from 0 to 1")
        refuse_overlong(self.step_size, self.epsilon, where=where)


def pgd(
    model: nn.Module, x: Tensor, y: Tensor, noise: Noise, *, epsilon: float, step_size: float, steps: int
) -> Tensor:
    """L∞ PGD on the cross-entropy from a uniform random start (Madry et al. 2018); the last iterate, in [0, 1].

    The caller puts the model in eval mode.
    """
    lowest, highest = (x - epsilon).clamp(min=0), (x + epsilon).clamp(max=1)
    start = x + epsilon * (2 * noise.stream("start").uniform(x.shape[1:]) - 1)
    adversarial = start.clamp(lowest, highest)
    for _ in range(steps):
        adversarial.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(model(adversarial), y, reduction="sum"), adversarial)
        adversarial = (adversarial.detach() + step_size * gradient.sign()).clamp(lowest, highest)
    return adversarial


def _attacked_logits(
    model: nn.Module, images: LabeledImages, data: FitData, epsilon: float, step_size: float, steps: int
) -> Tensor:
    parts = []
    with frozen(model):
        for x, y, index in images.batches(EVALUATION_BATCH, device=data.device):
            # The same noise for every epoch, so that epochs differ by their weights alone.
            noise = Noise.of(data.seed, index).stream("adversarial validation")
            adversarial = pgd(model, x, y, noise, epsilon=epsilon, step_size=step_size, steps=steps)
            with torch.no_grad():
                parts.append(model(adversarial).float().cpu())
    return torch.cat(parts)


def _decisions(model: nn.Module, logits: Tensor, labels: Tensor) -> Tensor:
    """What the model would say at the operating threshold that suits these logits best."""
    if not isinstance(model, DeployedClassifier) or logits.shape[1] != 2:
        return logits.argmax(1)
    odds = logits[:, 1] - logits[:, 0]
    return (odds.double() >= youden_logit(odds, labels)).long()
