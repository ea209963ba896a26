"""UAP: one universal perturbation for all images."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.aim import Aim
from attacks.ball import Ball
from attacks.base import Aids, Attack, Attempt, Composition, Stop
from attacks.objectives import Margin, Objective
from attacks.step_size import resolve_step_size
from attacks.victim import Counter, Victim
from benchmark.errors import UserError
from benchmark.images import LabeledImages
from benchmark.noise import Noise
from benchmark.threat import Norm
from defenses.base import DefendedModel


class UniversalPerturbation(Attack):
    """One perturbation, crafted on training images before any image is attacked, and added to every image.

    Stochastic steepest ascent on the margin, clamped so that images already fooled do not go on paying (Shafahi et al.
    2020, algorithm 2). After each epoch the share of training images that the perturbation fools is measured, and the
    best perturbation is kept. Only the single pass that looks at the result is charged to an attacked image.

    Args:
        epochs: Passes over the training images.
        images: Training images used, the first of an order drawn by the seed.
        batch_size: Images per step.
        step_size: α on pixels in [0, 1]; 4ε over the number of steps by default.
        confidence: Margin in logits beyond which an image counts as fooled and no longer pulls.
    """

    name = "uap"
    source = "Moosavi-Dezfooli et al. 2017, Universal adversarial perturbations; Shafahi et al. 2020, algorithm 2"
    norms = frozenset({Norm.LINF, Norm.L2})

    delta_: Tensor | None = None

    def __init__(
        self,
        *,
        epochs: int = 10,
        images: int = 1000,
        batch_size: int = 64,
        step_size: str | float | None = None,
        confidence: float = 1.0,
    ) -> None:
        self.epochs = epochs
        self.images = images
        self.batch_size = batch_size
        self.step_size = step_size
        self.confidence = confidence

    def default_objective(self) -> Objective:
        return Margin(confidence=self.confidence)

    def budget(self) -> str:
        return f"one perturbation from {self.epochs} epochs over at most {self.images} training images, one look"

    def prepare(self, aids: Aids) -> None:
        assert aids.model is not None
        order = torch.randperm(len(aids.train), generator=torch.Generator().manual_seed(aids.seed))
        train = aids.train[order[: self.images].sort().values]
        right = _Pool(aids.model, aids.composition, train, aids.seed, aids.device)
        norm, epsilon = aids.composition.norm, aids.composition.epsilon.value
        steps = self.epochs * -(-len(train) // self.batch_size)
        size = resolve_step_size(self.step_size, epsilon=epsilon, steps=steps, reach=4.0)
        objective = aids.composition.objective or self.default_objective()
        delta = torch.zeros(train.shape, device=aids.device)
        best, fooled = delta, -1
        for epoch in range(self.epochs):
            generator = torch.Generator().manual_seed(aids.seed + epoch)
            for rows in torch.randperm(len(train), generator=generator).split(self.batch_size):
                gradient = right.gradient(delta, rows, objective, epoch)
                moved = delta + size * Ball(norm, epsilon, gradient).steepest(gradient)[0]
                delta = within(moved, norm, epsilon)
            count = right.fooled(delta, self.batch_size)
            if count > fooled:
                best, fooled = delta, count
        self.delta_ = best

    def run(self, victim: Victim, x: Tensor, noise: Noise, stop: Stop) -> Attempt:
        if self.delta_ is None:
            raise UserError(
                "no perturbation has been crafted yet", where=f"attack {self.name!r}", remedy="call `prepare` first"
            )
        adversarial = (x + self.delta_).clamp(0, 1)
        fallen = victim.aim.reached(victim.scores(adversarial, noise.stream("look")))
        fallen = victim.verify(adversarial, fallen, noise)
        return Attempt(adversarial, torch.where(fallen, 0, -1))


class _Pool:
    """The training images that the perturbation is crafted on."""

    def __init__(
        self,
        model: DefendedModel,
        composition: Composition,
        train: LabeledImages,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model = model
        self.composition = composition
        self.train = train
        self.noise = Noise.of(seed, train.index, device=device).stream("universal perturbation")
        self.device = device

    def gradient(self, delta: Tensor, rows: Tensor, objective: Objective, step: int) -> Tensor:
        """The objective's summed gradient by the perturbation: [1, C, H, W]."""
        images, noise = self.train.floats(rows, device=self.device), self.noise[rows.to(self.device)].at(step)
        aim = Aim(self.train.labels[rows].to(self.device), sample_ids=noise.sample_ids)
        ball = Ball(self.composition.norm, self.composition.epsilon.value, images)
        everyone = torch.arange(len(rows), device=self.device)
        account = Counter.zeros(len(rows), self.device)
        victim = Victim(self.model, objective, self.composition.estimator, aim, ball, account, everyone)
        moved = images + delta
        # Where the range [0, 1] holds a pixel back, the perturbation has no effect on it.
        free = (moved >= 0) & (moved <= 1)
        return (victim.gradient(moved.clamp(0, 1), noise) * free).sum(0, keepdim=True)

    def fooled(self, delta: Tensor, batch_size: int) -> int:
        """How many training images the model gets wrong under the perturbation."""
        wrong = 0
        for rows in torch.arange(len(self.train)).split(batch_size):
            images = (self.train.floats(rows, device=self.device) + delta).clamp(0, 1)
            noise = self.noise[rows.to(self.device)].stream("judge")
            with torch.no_grad():
                logits = self.model.decide(images, noise)
            wrong += int((logits.argmax(1).cpu() != self.train.labels[rows]).sum())
        return wrong


def within(delta: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """The perturbation [C, H, W] brought back within ε, without regard to any image."""
    if norm is Norm.LINF:
        return delta.clamp(-epsilon, epsilon)
    return delta * (epsilon / delta.norm().clamp_min(1e-12)).clamp(max=1)
