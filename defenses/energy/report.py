"""What is to be thought of a trained energy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from defenses.energy.convergence import Convergence
from defenses.energy.long_run import LongRun

GENTLEST, STEEPEST = 0.05, 0.5
"""Drift ratios of convergent energies (Nijkamp et al. 2020, appendix A, have 0.1 to 0.18; twice or thrice less or more
is let be)."""
OSCILLATION = -0.3
"""An autocorrelation of the gap below this, at any lag, is a network that chases its chains."""
FARTHEST_OUTSIDE = 0.1
"""Share of a long run's pixels that may lie beyond ±1.1."""
WIDEST = 2.0
"""A long run's pixels deviate at most so many times as much, or as little, as the data's."""


@dataclass(frozen=True)
class EnergyReport:
    """How training ended and where long chains go, with a verdict.

    Attributes:
        training: Numbers of the training.
        looks: At the data, and at chains from there, shortest first; empty where none were run.
    """

    training: Convergence
    looks: tuple[LongRun, ...]

    @property
    def verdict(self) -> str:
        """What the energy is: convergent, non-convergent, unstable, or not examined.

        Unstable where a chain has left all images or is past its stability limit, convergent where training ended in
        balance and long chains look like the data in their pixels' mean and deviation; not examined where nothing
        speaks against it and no long chain was run.
        """
        if self._unstable():
            return "unstable"
        if self._unconverged():
            return "non-convergent"
        return "convergent" if self.looks else "not examined"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not convergent; empty where it is."""
        return (*self._unstable(), *self._unconverged())

    def _unstable(self) -> list[str]:
        found = [f"chains diverged within {look.steps} steps" for look in self.looks if look.diverged][:1]
        if not self.training.drift_ratio < 1:
            found.append(f"drift ratio {self.training.drift_ratio:.2f}, and 1 is the limit of stability")
        return found

    def _unconverged(self) -> list[str]:
        training, found = self.training, []
        if not GENTLEST <= training.drift_ratio <= STEEPEST and training.drift_ratio < 1:
            found.append(f"drift ratio {training.drift_ratio:.2f}, outside {GENTLEST} to {STEEPEST}")
        if not abs(training.gap_mean) <= 2 * training.gap_deviation:
            found.append(f"energy gap {training.gap_mean:.0f} ± {training.gap_deviation:.0f}, not around 0")
        lag, lowest = min(enumerate(training.gap_autocorrelation, start=1), key=lambda pair: pair[1])
        if lowest < OSCILLATION:
            found.append(f"the energy gap oscillates: its autocorrelation is {lowest:.2f} {lag} updates apart")
        data = self.looks[0] if self.looks else None
        for look in self.looks[1:]:
            if data is None or look.diverged:
                continue
            if look.outside > FARTHEST_OUTSIDE:
                found.append(f"after {look.steps} steps {100 * look.outside:.0f} % of the pixels lie beyond ±1.1")
            if abs(look.mean - data.mean) > data.deviation:
                found.append(f"after {look.steps} steps the mean pixel went from {data.mean:.2f} to {look.mean:.2f}")
            if not data.deviation / WIDEST <= look.deviation <= data.deviation * WIDEST:
                found.append(
                    f"after {look.steps} steps pixels deviate by {look.deviation:.2f} and not by {data.deviation:.2f}"
                )
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it for a record; None stands for what is no number."""
        training = self.training
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "gap_mean": _number(training.gap_mean),
            "gap_deviation": _number(training.gap_deviation),
            "gap_autocorrelation": [_number(value) for value in training.gap_autocorrelation],
            "drift_ratio": _number(training.drift_ratio),
            "outside": _number(training.outside),
            "restarts": training.restarts,
            "looks": [
                {
                    "steps": look.steps,
                    "mean": _number(look.mean),
                    "deviation": _number(look.deviation),
                    "outside": _number(look.outside),
                }
                for look in self.looks
            ],
        }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
