"""Purification triangle: how much of the attack's perturbation is left in what the purifier changes."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Len
from torch import Tensor

from attacks.gradients.bpda import BPDA
from attacks.objectives.cross_entropy import CrossEntropy
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.noise import Noise
from benchmark.core.settings import AtOnce, Count, PixelLength
from benchmark.core.threat import Epsilon
from benchmark.records.study_findings import Cell, Column, Curve, Measured
from benchmark.studies.base import Findings, Study
from benchmark.studies.subject import Subject
from defenses.base import Defense


class PurificationTriangle(Study):
    """Correlation of the attack's perturbation R_A = x̂ − x with what is left of it, R_p = x_p − x, step by step.

    x is the clean image, x̂ the attack's and x_p = T(x̂) what the classifier sees; the third side is what purification
    does to x̂. The attack is PGD by BPDA from the clean image, and goes on with each step size to the last step.
    Pearson's r mixes what is left of the attack with what purification adds, so the share of R_A that is left,
    ⟨R_A, R_p⟩ / ‖R_A‖², stands beside it: 1 where purification leaves it alone, 0 where none is left.

    Args:
        step_sizes: α on pixels in [0, 1]. On those in [−1, 1], as the thesis has them, the defaults are 1/127.5, 0.5
            and 1. From 2ε on, a step goes from one side of the ball to the other.
        steps: Steps of the attack; the thesis takes 100.
        draws: Draws that a gradient is averaged over, and that r is averaged over.
    """

    name = "purification-triangle"
    source = "Mitchell 2020, Security through stochasticity (thesis), purification triangle; BPDA: Athalye et al. 2018a"
    reading = (
        "r: Pearson correlation over pixels of R_A = x̂ − x and R_p = x_p − x. Left: the share of R_A that purification "
        "leaves in the image. Random signs of size ε are what no attacker has chosen. Means over images and draws with "
        "bootstrap intervals over images."
    )

    def __init__(
        self,
        *,
        step_sizes: Annotated[tuple[PixelLength, ...], Len(1, 8)] = ("1/255", 0.25, 0.5),
        steps: Count = 30,
        draws: AtOnce = 4,
    ) -> None:
        self.step_sizes = step_sizes
        self.steps = steps
        self.draws = draws

    def without_use(self, defense: Defense) -> str:
        return "" if defense.purifier else "there is no purifier"

    def passes(self, defense: Defense) -> Passes:
        asked, cost = len(self.step_sizes) * (self.steps + 1) * self.draws, defense.purify_passes
        return Passes(asked * (1 + cost.forwards), asked * (1 + cost.backwards))

    def run(self, subject: Subject) -> Findings:
        rows: list[list[Cell]] = []
        curves: list[Curve] = []
        for number, size in enumerate(self.step_sizes):
            subject.report(number / len(self.step_sizes), f"α = {size}")
            label = f"α = {size}"
            adversarial = torch.zeros_like(subject.images)
            found = subject.map(lambda some, x=adversarial, a=size: self._attack(subject, some, a, x))  # type: ignore[misc]
            r, left = found[..., 0], found[..., 1]
            rows.append([label, *self._ends(subject, r, left), subject.share(subject.right(adversarial, label))])
            places = tuple(float(step) for step in range(1, self.steps + 1))
            for panel, values in (("Pearson r of R_A and R_p", r), ("Share of R_A that is left", left)):
                line = tuple(subject.mean(values[:, step]) for step in range(self.steps))
                curves.append(Curve(panel=panel, label=label, x_label="attack step", y_label=panel, x=places, y=line))
        noise = subject.noise.stream("random signs")
        signs = subject.map(
            lambda some: subject.ball(some).project(
                subject.images[some] + subject.epsilon.value * noise[some].signs(subject.images.shape[1:])
            )
        )
        beside = subject.map(lambda some: self._sides(subject, some, signs[some], noise[some])[:, None])
        right = subject.right(signs, "random signs")
        rows.append(["random signs", *self._ends(subject, beside[..., 0], beside[..., 1]), subject.share(right)])
        last = f"step {self.steps}"
        columns = ("attack", "r at step 1", f"r at {last}", "left at step 1", f"left at {last}")
        return Findings([*map(_column, columns), Column(name=f"right at {last}", unit="%")], rows, curves)

    def _ends(self, subject: Subject, r: Tensor, left: Tensor) -> list[Measured]:
        return [subject.mean(values[:, step]) for values in (r, left) for step in (0, -1)]

    def _attack(self, subject: Subject, rows: slice, size: str | float, last: Tensor) -> Tensor:
        """R and the share left of each image after each step: [B, T, 2]; its last image is written into `last`."""
        ball, aim, noise = subject.ball(rows), subject.aim(rows), subject.noise[rows].stream(f"attack {size}")
        estimator, alpha = Remembering(draws=self.draws), Epsilon.parse(size).value
        x, sides = subject.images[rows], []
        for step in range(self.steps):
            ascent = estimator(subject.model, CrossEntropy(), x, aim, noise.at(step))
            if step:
                sides.append(triangle(ball.center, x, estimator.purified))
            x = ball.project(x + alpha * ball.steepest(ascent.gradient))
        sides.append(self._sides(subject, rows, x, noise.at(self.steps)))
        last[rows] = x
        return torch.stack(sides, 1)

    def _sides(self, subject: Subject, rows: slice, x: Tensor, noise: Noise) -> Tensor:
        purified = subject.model.purify(x.repeat_interleave(self.draws, 0), noise.repeat(self.draws))
        return triangle(subject.images[rows], x, purified)


class Remembering(BPDA):
    """BPDA that keeps what it purified: `draws` copies of each image in succession. Without a name of its own."""

    name = ""
    purified: Tensor

    def link(self, model: DefendedModel, x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        leaf, purified = super().link(model, x, noise)
        self.purified = purified.detach()
        return leaf, purified


def triangle(clean: Tensor, adversarial: Tensor, purified: Tensor) -> Tensor:
    """(Pearson r, share left) of each image, averaged over its draws: [B, 2]; both 0 where the attack moved nothing.

    Args:
        clean, adversarial: x and x̂: [B, C, H, W].
        purified: x_p, as many draws of each image in succession: [B·draws, C, H, W].
    """
    draws = len(purified) // len(clean)
    moved = (adversarial - clean).flatten(1).repeat_interleave(draws, 0)
    kept = purified.flatten(1) - clean.flatten(1).repeat_interleave(draws, 0)
    left = (moved * kept).sum(1) / moved.square().sum(1).clamp_min(1e-12)
    moved, kept = (side - side.mean(1, keepdim=True) for side in (moved, kept))
    r = (moved * kept).sum(1) / (moved.norm(dim=1) * kept.norm(dim=1)).clamp_min(1e-12)
    return torch.stack([r, left], 1).unflatten(0, (-1, draws)).mean(1)


def _column(name: str) -> Column:
    return Column(name=name)
