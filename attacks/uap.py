"""UAP: one universal perturbation for all images."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.base import Aids, Attack, Attempt, Stop
from attacks.effort import Effort
from attacks.geometry.ball import Ball
from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.margin import Margin
from attacks.searches.step_size import resolve_step_size
from attacks.victim import Counter, Victim
from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.settings import BatchRows, Confidence, Count, Length
from benchmark.core.threat import Norm


class UniversalPerturbation(Attack):
    """One perturbation, crafted on training images before any image is attacked, and added to every image.

    Stochastic steepest ascent on the margin, clamped so that images already fooled do not go on pulling (Shafahi et al.
    2020, algorithm 2). With few classes, pushing every image out of its own class pulls in opposite directions, so one
    perturbation is crafted towards each class as well, and the one that fools most training images is kept. Only the
    pass that looks at the result is charged to an attacked image.

    Args:
        epochs: Passes over the training images, for each perturbation crafted.
        images: Training images used: the first of an order drawn by the seed.
        batch_size: Images per step.
        step_size: α on pixels in [0, 1]; 4ε over the number of steps by default.
        confidence: Margin in logits beyond which an image counts as fooled.
    """

    name = "uap"
    source = "Moosavi-Dezfooli et al. 2017, Universal adversarial perturbations; Shafahi et al. 2020, algorithm 2"
    norms = frozenset({Norm.LINF, Norm.L2})
    control = "no image has a search of its own"
    takes_targets = False
    learns = True

    delta_: Tensor | None = None

    def __init__(
        self,
        *,
        epochs: Count = 5,
        images: Count = 1000,
        batch_size: BatchRows = 64,
        step_size: Length | None = None,
        confidence: Confidence = 1.0,
    ) -> None:
        self.epochs = epochs
        self.images = images
        self.batch_size = batch_size
        self.step_size = step_size
        self.confidence = confidence

    def default_objective(self) -> Objective:
        return Margin(confidence=self.confidence)

    def budget(self) -> str:
        return f"one perturbation for all, {self.epochs} epochs over at most {self.images} training images"

    def effort(self, norm: Norm, epsilon: float) -> Effort:
        return Effort(queries=1)

    def prepare(self, aids: Aids) -> None:
        """Craft `delta_` [C, H, W] on training images, against the defended model."""
        order = torch.randperm(len(aids.train), generator=torch.Generator().manual_seed(aids.seed))
        pool = _Pool(aids, aids.train[order[: self.images].sort().values], self.default_objective(), self.batch_size)
        crafted = [self._craft(pool, aids, target) for target in (None, *range(aids.classes))]
        self.delta_ = max(crafted, key=pool.merit)

    def _craft(self, pool: _Pool, aids: Aids, target: int | None) -> Tensor:
        """A perturbation out of every class, or into class `target`."""
        norm, epsilon = aids.composition.norm, aids.composition.epsilon.value
        batches = [b for epoch in range(self.epochs) for b in pool.batches(target, epoch)]
        size = resolve_step_size(self.step_size, epsilon=epsilon, steps=len(batches), reach=4.0)
        delta = torch.zeros(aids.train.shape, device=aids.device)
        for step, rows in enumerate(batches):
            gradient = pool.gradient(delta, rows, target, step)
            delta = within(delta + size * Ball(norm, epsilon, gradient).steepest(gradient)[0], norm, epsilon)
        return delta

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
    """The training images that a perturbation is crafted on, and the model it is crafted against."""

    def __init__(self, aids: Aids, train: LabeledImages, objective: Objective, batch_size: Count) -> None:
        assert aids.model is not None
        self.model = aids.model
        self.composition = aids.composition
        self.objective = aids.composition.objective or objective
        self.device = aids.device
        self.seed = aids.seed
        self.train = train
        self.noise = Noise.of(aids.seed, train.index, device=aids.device).stream("universal perturbation")
        self.batch_size = batch_size

    def batches(self, target: int | None, epoch: int) -> list[Tensor]:
        """Rows of one shuffled pass; a class is not pushed into itself."""
        shuffled = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(self.seed + epoch))
        if target is not None:
            shuffled = shuffled[self.train.labels[shuffled] != target]
        return list(shuffled.split(self.batch_size)) if len(shuffled) else []

    def gradient(self, delta: Tensor, rows: Tensor, target: int | None, step: int) -> Tensor:
        """The objective's summed gradient by the perturbation: [1, C, H, W]."""
        images, noise = self.train.floats(rows, device=self.device), self.noise[rows.to(self.device)].at(step)
        labels, numbers = (values[rows].to(self.device) for values in (self.train.labels, self.train.index))
        aim = Aim(labels, None if target is None else torch.full_like(labels, target), numbers)
        ball = self.composition.ball(images)
        account = Counter.zeros(len(rows), self.device)
        everyone = torch.arange(len(rows), device=self.device)
        victim = Victim(self.model, self.objective, self.composition.estimator, aim, ball, account, everyone)
        moved = images + delta
        # Where the range [0, 1] holds a pixel back, the perturbation has no effect on it.
        free = (moved >= 0) & (moved <= 1)
        return (victim.gradient(moved.clamp(0, 1), noise) * free).sum(0, keepdim=True)

    def merit(self, delta: Tensor) -> tuple[int, float]:
        """How many training images the model gets wrong under the perturbation; among equals, the summed margin."""
        wrong, margin = 0, 0.0
        for rows in torch.arange(len(self.train)).split(self.batch_size):
            clean = self.train.floats(rows, device=self.device)
            images = self.composition.ball(clean).shown((clean + delta).clamp(0, 1))
            aim = Aim(self.train.labels[rows].to(self.device))
            with torch.no_grad():
                logits = self.model.decide(images, self.noise[rows.to(self.device)].stream("judge"))
            wrong += int(aim.reached(logits).sum())
            margin += float(aim.margin(logits).sum())
        return wrong, margin


def within(delta: Tensor, norm: Norm, epsilon: float) -> Tensor:
    """The perturbation [C, H, W] brought back within ε, without regard to any image."""
    if norm is Norm.LINF:
        return delta.clamp(-epsilon, epsilon)
    return delta * (epsilon / delta.norm().clamp_min(1e-12)).clamp(max=1)
