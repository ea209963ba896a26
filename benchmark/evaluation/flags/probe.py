"""What flags that measure are given: the defended model, a few images it gets right, and an attack to try on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from attacks.base import Attack, Composition, Outcome, Stop
from attacks.geometry.ball import Ball
from attacks.gradients.base import GradientEstimator
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.errors import UserError
from benchmark.core.frozen import frozen
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.evaluation.flags.traced_pgd import TracedPGD
from benchmark.records.defense_record import DefenseTraits

AFFORDABLE = 2000
"""Passes that a flag may spend on looking at one image again and again."""

TRIED: type[Attack] = PGD
"""What the flags try on their images."""

MINIMUM_STEPS = 20
"""Steps with which a large ε is explored, however few the row's own attacks take."""


@dataclass(frozen=True)
class Shown:
    """Labelled images of a split, right or wrong, on the model's device.

    Attributes:
        images: [N, C, H, W] in [0, 1].
        labels: int64 [N].
        noise: Keyed random numbers, one row per image.
    """

    images: Tensor
    labels: Tensor
    noise: Noise


@dataclass(frozen=True)
class Probe:
    """A defended model in the hands of the flags.

    Attributes:
        model: The defended model.
        undefended: The classifier before any defense.
        traits: What the defense says of itself.
        images: Evaluation images that the model gets right: [N, C, H, W] in [0, 1], on the model's device.
        labels: Their classes: int64 [N].
        noise: Keyed random numbers, one row per image.
        norm, epsilon: The perturbation that the row allows.
        estimator: How the row's white-box attacks differentiate through the defense by default.
        steps: Steps of the row's longest white-box attack.
        batch_size: How many images at a time.
        evaluation, validation: Images of either split, right or wrong, for flags that compare the two.
        ids: Names of `images` in the records; known of the probe that is handed to the flags alone.
        finished: Attacks already made, so that two flags that need the same one share it.
    """

    model: DefendedModel
    undefended: nn.Module
    traits: DefenseTraits
    images: Tensor
    labels: Tensor
    noise: Noise
    norm: Norm
    epsilon: float
    estimator: GradientEstimator
    steps: int
    batch_size: BatchSize
    evaluation: Shown | None = None
    validation: Shown | None = None
    ids: tuple[str, ...] = ()
    finished: dict[tuple[float, int, int], Outcome] = field(default_factory=dict, repr=False, compare=False)
    _margins: dict[tuple[float, int], Tensor] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return self.images.shape[0]

    def __getitem__(self, rows: Tensor) -> Probe:
        """The same probe with some of the images."""
        return self.on(self.images[rows], self.labels[rows], self.noise[rows])

    def of(self, model: DefendedModel, estimator: GradientEstimator) -> Probe:
        """The same probe of another model, whatever it gets right."""
        return replace(self, model=model, estimator=estimator, finished={}, _margins={})

    @property
    def enough_steps(self) -> int:
        """The row's steps, or more where they are few."""
        return max(self.steps, MINIMUM_STEPS)

    @property
    def largest_epsilon(self) -> float:
        """The ε at which every image is allowed: 1 for L∞, √d for L2, d for L1."""
        pixels = self.images[0].numel()
        return {Norm.LINF: 1.0, Norm.L2: math.sqrt(pixels), Norm.L1: float(pixels)}.get(self.norm, float(pixels))

    def on(self, images: Tensor, labels: Tensor, noise: Noise) -> Probe:
        """The same probe with other images."""
        return replace(self, images=images, labels=labels, noise=noise, finished={}, _margins={})

    def random_start(self) -> Tensor:
        """A random allowed image beside each image: [N, C, H, W]."""
        return Ball(self.norm, self.epsilon, self.images).random(self.noise.stream("random start"))

    def decide(self, x: Tensor, noise: Noise | None = None) -> Tensor:
        """The model's decision logits [N, K] on `x`, batch by batch, in eval mode and without gradients."""
        noise = self.noise if noise is None else noise
        with frozen(self.model), torch.no_grad():
            return torch.cat(self.batch_size.map(len(x), lambda rows: self.model.decide(x[rows], noise[rows])))

    def afford(self, decisions: int, least: int = 20) -> int:
        """How often to ask about an image: `decisions` times, less often where one takes many passes."""
        cost = self.model.decision_passes
        return min(decisions, max(least, AFFORDABLE // (cost.forwards + cost.backwards)))

    def attack(self, *, epsilon: float | None = None, steps: int | None = None, restarts: int = 1) -> Outcome:
        """PGD on the margin, which saturated scores do not blind, ended at the first verified success.

        Args:
            epsilon: The row's where None.
            steps: The row's where None.
            restarts: Random starts; the first ones are those of fewer restarts.

        Raises:
            UserError: PGD cannot respect the row's norm.
        """
        key = (self.epsilon if epsilon is None else epsilon, self.steps if steps is None else steps, restarts)
        if key not in self.finished:
            self.finished[key] = self._pgd(key)
        return self.finished[key]

    def margins(self) -> Tensor:
        """The margin of every image at every step of the attack, positive where it fell, then NaN: [T, N]."""
        self.attack()
        return self._margins[self.epsilon, self.steps]

    def unbounded(self) -> Outcome:
        """The attack when every image is allowed."""
        return self.attack(epsilon=self.largest_epsilon, steps=self.enough_steps, restarts=5)

    def _pgd(self, key: tuple[float, int, int]) -> Outcome:
        epsilon, steps, restarts = key
        if restarts > 1:
            return self.run(PGD(steps=steps, restarts=restarts), epsilon=epsilon)

        def traced(rows: slice) -> tuple[Outcome, Tensor]:
            attack = TracedPGD(steps=steps)
            return self.run_batch(attack, rows, epsilon=epsilon), attack.margins.cpu()

        parts = self.batch_size.map(len(self), traced)
        self._margins[epsilon, steps] = torch.cat([margins for _, margins in parts], 1)
        return Outcome.concatenate([outcome for outcome, _ in parts])

    def run(self, attack: Attack, *, epsilon: float | None = None, stop: Stop = Stop.FIRST_SUCCESS) -> Outcome:
        """Any attack on the margin on all images, batch by batch; on the CPU."""
        size = attack.batch_rows if attack.batch_coupled else None
        parts = self.batch_size.map(
            len(self), lambda rows: self.run_batch(attack, rows, epsilon=epsilon, stop=stop), size=size
        )
        return Outcome.concatenate(parts)

    def run_batch(
        self, attack: Attack, rows: slice, *, epsilon: float | None = None, stop: Stop = Stop.FIRST_SUCCESS
    ) -> Outcome:
        """The same on some of the images, in one batch."""
        if self.norm not in attack.norms:
            raise UserError(f"{attack.name or 'PGD'} cannot respect {self.norm.symbol}")
        radius = self.epsilon if epsilon is None else epsilon
        composition = Composition(self.norm, Epsilon(f"{radius:.6g}", radius), Margin(), self.estimator, stop)
        noise = self.noise[rows].stream("attack")
        outcome = attack(self.model, self.images[rows], Aim(self.labels[rows]), noise, composition)
        return Outcome.concatenate([outcome])
