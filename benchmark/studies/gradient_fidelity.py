"""Gradient fidelity: what BPDA's stand-in is worth beside the exact gradient."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from attacks.base import Composition, Outcome
from attacks.gradients.automatic import best
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core.defended import DefendedModel, Passes
from benchmark.core.settings import AtOnce, Count
from benchmark.records.study_findings import Cell, Column, Curve
from benchmark.studies.base import Findings, Study
from benchmark.studies.subject import Subject
from defenses.base import Defense


class GradientFidelity(Study):
    """BPDA beside the exact gradient of a purifier: direction, length, noise, and what a short attack makes of each.

    Gradients of the margin at the clean images, averaged over draws (EOT). The same draws show what the stand-in
    changes, independent ones what an attacker meets. Then PGD with each on the same images, from the same starts.

    Args:
        draws: EOT draws of a gradient.
        steps: Steps of PGD.
    """

    name = "gradient-fidelity"
    source = "Du, Hill, Cai 2026, MEFA; BPDA: Athalye et al. 2018a; EOT: Athalye et al. 2018b"
    reading = (
        "Cosine to exact: with the same draws, and with others. Length: L2 norm over that of the exact gradient with "
        "the same draws. Own agreement: cosine of two estimates from independent draws. Robust: right after PGD on the "
        "margin, at any step. Means with bootstrap intervals over images; of shares Wilson's."
    )

    def __init__(self, *, draws: AtOnce = 8, steps: Count = 10) -> None:
        self.draws = draws
        self.steps = steps

    def without_use(self, defense: Defense) -> str:
        if not defense.purifier:
            return "there is no purifier, and so no stand-in for one"
        return "" if best(defense.traits()).exact else "the defense offers no exact gradient to compare BPDA with"

    def passes(self, defense: Defense) -> Passes:
        model = DefendedModel(torch.nn.Identity(), purify_passes=defense.purify_passes)
        costs = [estimator.passes(model) for estimator in self._estimators(defense).values()]
        asked = self.steps + 2
        return Passes(asked * sum(c.forwards for c in costs), asked * sum(c.backwards for c in costs))

    def run(self, subject: Subject) -> Findings:
        estimators = self._estimators(subject.defense)
        subject.report(0.0, "gradients")
        first, second = (self._gradients(subject, estimators, name) for name in ("first draws", "other draws"))
        rows: list[list[Cell]] = []
        curves: list[Curve] = []
        for number, (name, estimator) in enumerate(estimators.items(), 1):
            subject.report(number / (1 + len(estimators)), f"PGD with {name}")
            broken_at = self._attack(subject, estimator)
            length = first[name].norm(dim=1) / first["exact"].norm(dim=1).clamp_min(1e-12)
            rows.append(
                [
                    name,
                    subject.mean(cosine_similarity(first[name], first["exact"])),
                    subject.mean(cosine_similarity(first[name], second["exact"])),
                    subject.mean(length),
                    subject.mean(cosine_similarity(first[name], second[name])),
                    subject.share(broken_at < 0),
                ]
            )
            standing = tuple(
                subject.share((broken_at < 0) | (broken_at > step)).percent() for step in range(self.steps + 1)
            )
            curves.append(
                Curve(
                    panel=f"Robust accuracy (%) under PGD of {self.steps} steps",
                    label=name,
                    x_label="attack step",
                    y_label="still right (%)",
                    x=tuple(map(float, range(self.steps + 1))),
                    y=standing,
                )
            )
        names = ("gradient", "cosine to exact, same draws", "other draws", "length", "own agreement")
        columns = [*(Column(name=name) for name in names), Column(name=f"robust, {self.steps} steps", unit="%")]
        return Findings(columns, rows, curves)

    def _estimators(self, defense: Defense) -> Mapping[str, GradientEstimator]:
        draws = self.draws if defense.randomized else 1
        return {"BPDA": BPDA(draws=draws), "exact": best(defense.traits())(draws=draws)}

    def _gradients(
        self, subject: Subject, estimators: Mapping[str, GradientEstimator], draws: str
    ) -> dict[str, Tensor]:
        """By name, the gradient at every clean image: [N, d] each."""
        noise = subject.noise.stream(draws)
        return {
            name: subject.map(
                lambda rows, ask=estimator: ask(  # type: ignore[misc]
                    subject.model, Margin(), subject.images[rows], subject.aim(rows), noise[rows]
                ).gradient.flatten(1)
            )
            for name, estimator in estimators.items()
        }

    def _attack(self, subject: Subject, estimator: GradientEstimator) -> Tensor:
        """The step at which each image fell, the last where only the verdict was wrong, −1 for none: int64 [N]."""
        composition = Composition(subject.norm, subject.epsilon, Margin(), estimator)
        noise = subject.noise.stream("attack")

        def some(rows: slice) -> Tensor:
            attack = PGD(steps=self.steps)
            found: Outcome = attack(subject.model, subject.images[rows], subject.aim(rows), noise[rows], composition)
            late = torch.where(found.success, self.steps, -1)
            return torch.where(found.success & (found.broken_at >= 0), found.broken_at, late)

        return subject.map(some)
