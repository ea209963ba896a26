"""Measure what the number of a randomized or purifying defense must be read with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attacks.gradients.automatic import best
from benchmark.core.defended import Passes
from benchmark.evaluation.diagnoses.compression import compression
from benchmark.evaluation.diagnoses.curvature import curvature
from benchmark.evaluation.diagnoses.known_draws import known_draws
from benchmark.evaluation.diagnoses.unperturbed import unperturbed
from benchmark.steps.base import Result
from benchmark.steps.context import StepContext
from benchmark.steps.probe import ProbeStep, unanswered
from defenses.base import Defense


@dataclass(frozen=True)
class DiagnoseStep(ProbeStep):
    """Zero-perturbation control, known draws, compression rate and gradient check of a model, as far as they apply.

    A measurement that raises does not stop the others; its place is taken by the reason.
    """

    kind = "diagnose"

    @property
    def label(self) -> str:
        return f"diagnose {self.clean.fit.name}"

    def passes(self) -> Passes:
        each = self.steps * self.gradient.draws * min(self.images, self.clean.images)
        return Passes(2 * each, each)

    def run(self, context: StepContext) -> Result:
        probe = self._probe(context)
        defense = self.clean.fit.defense
        gradient = best(defense.traits())()
        measures: dict[str, Callable[[], dict[str, Any]]] = {}
        if defense.randomized:
            measures["unperturbed"] = lambda: unperturbed(probe)
            measures["known_draws"] = lambda: known_draws(probe, gradient)
        if defense.purifier:
            measures["compression"] = lambda: compression(probe)
        if has_curvature(defense):
            measures["curvature"] = lambda: curvature(probe, gradient)
        measured = {}
        for number, (name, measure) in enumerate(measures.items()):
            context.progress.fraction(number / len(measures), name)
            try:
                measured[name] = measure()
            except Exception as error:
                # Whatever a model raises leaves this question without an answer, and takes nothing from the others.
                measured[name] = unanswered(error)
        return Result({"diagnoses": measured})


def has_curvature(defense: Defense) -> bool:
    """Whether there is a purifier with a gradient that could be none."""
    return defense.purifier and best(defense.traits()).exact
