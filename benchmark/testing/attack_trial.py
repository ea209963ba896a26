"""One attack on one small task: runs of it, each checked for what must hold of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attacks.base import Attack, Composition, Outcome, Stop
from attacks.geometry.ball import perturbation_size
from attacks.objectives.aim import Aim, other_class
from benchmark.core.defended import DefendedModel
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.core.threat import Epsilon, Norm
from benchmark.testing.attack_aids import prepared
from benchmark.testing.claims import Claims
from benchmark.testing.isolation import global_randomness, untouched
from benchmark.testing.problem import DoublePrecision, Problem

IMAGES = 24
ROUNDING = 1e-5


class Counting(DefendedModel):
    """A defended model that notes what it is really asked."""

    rows: int = 0
    backwards: int = 0

    def classify(self, purified: Tensor) -> Tensor:
        """Logits [B, K], after noting how many images were asked about."""
        self.rows += purified.shape[0]
        logits = super().classify(purified)
        if logits.requires_grad:
            logits.register_hook(self._note)
        return logits

    def _note(self, _gradient: Tensor) -> None:
        self.backwards += 1


@dataclass
class Trial:
    """Runs of one attack on one task, each checked for what must hold of all."""

    attack: Attack
    claims: Claims
    problem: Problem
    norm: Norm = field(init=False)
    images: LabeledImages = field(init=False)

    def __post_init__(self) -> None:
        self.norm = Norm.LINF if Norm.LINF in self.attack.norms else min(self.attack.norms)
        self.images = self.problem.correct(IMAGES)

    def model(self, *, randomized: bool = False) -> Counting:
        """The task's classifier, undefended or behind noise, in the train mode in which a user may leave it."""
        classifier = DoublePrecision(self.problem.classifier()).train()

        def add_noise(x: Tensor, noise: Noise) -> Tensor:
            return x + 0.02 * noise.stream("defense").normal(x.shape[1:])

        return Counting(classifier, purify=add_noise if randomized else None, votes=2, randomized=randomized)

    def epsilon(self, size: str, norm: Norm) -> Epsilon:
        """No radius, a small or a large one; every norm's ball allows about as much change as the L∞ ball does."""
        channels, height, width = self.images.shape
        pixels = channels * height * width
        share = {"zero": 0.0, "small": 4 / 255, "large": 0.4}[size]
        radius = {
            Norm.L2: share * math.sqrt(pixels),
            Norm.L1: share * pixels / 4,
            Norm.L0: math.ceil(share * height * width),
            Norm.SPATIAL: 10 * share,
        }.get(norm, share)
        return Epsilon.parse(radius)

    def run(
        self,
        size: str = "small",
        *,
        norm: Norm | None = None,
        count: int = IMAGES,
        sizes: tuple[int, ...] | None = None,
        attack: Attack | None = None,
        model: Counting | None = None,
        targeted: bool = False,
        stop: Stop = Stop.FIRST_SUCCESS,
        seed: int = 1,
    ) -> Outcome:
        """Attack the first `count` images, all at once or in batches of `sizes`.

        Raises:
            AssertionError: It breaks its contract.
        """
        attack, norm = attack or self.attack, norm or self.norm
        model = model or self.model()
        images = self.images[torch.arange(count)]
        x, labels = images.floats(), images.labels.clone()
        targets = self._targets(x, labels) if targeted else None
        composition = Composition(norm, self.epsilon(size, norm), stop=stop, targeted=targeted)
        noise = Noise.of(0, images.index)
        task = f"attack images of shape {images.shape} within {norm.symbol} ε = {composition.epsilon}"
        parts = []
        with (
            self.claims.works(task),
            global_randomness(self.claims, "attacks", seed=seed),
            untouched(self.claims, "attacks", model),
        ):
            composition = prepared(attack, model, self.problem, composition)
            model.rows = model.backwards = 0
            start = 0
            for length in sizes or (count,):
                rows = slice(start, start + length)
                aim = Aim(labels[rows], None if targets is None else targets[rows], images.index[rows])
                parts.append(attack(model, x[rows], aim, noise[rows], composition))
                start += length
        outcome = Outcome.concatenate(parts)
        self._check_outcome(outcome, x, composition)
        return outcome

    def _targets(self, x: Tensor, labels: Tensor) -> Tensor:
        with torch.no_grad():
            return other_class(labels, self.problem.trained(x))

    def _check_outcome(self, outcome: Outcome, x: Tensor, composition: Composition) -> None:
        adversarial, radius = outcome.adversarial, composition.epsilon.value
        claims = self.claims
        claims.holds(adversarial.shape == x.shape, f"returns shape {list(adversarial.shape)} for {list(x.shape)}")
        claims.holds(bool(adversarial.isfinite().all() and outcome.logits.isfinite().all()), "returns NaN or infinity")
        claims.holds(bool((adversarial >= 0).all() and (adversarial <= 1).all()), "returns pixels outside [0, 1]")
        if composition.norm is not Norm.SPATIAL:
            worst = float(perturbation_size(adversarial - x, composition.norm).max())
            claims.holds(
                worst <= radius * (1 + ROUNDING) + ROUNDING,
                f"leaves the {composition.norm.symbol} ball: a perturbation of {worst:.6g}, where ε is {radius:.6g}",
            )
        claims.holds(not adversarial.requires_grad, "returns images that still carry a gradient")
