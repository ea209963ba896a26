"""What the number of a randomized or purifying defense must be read with, as measured."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class Diagnosis:
    """What a randomized or purifying defense's number must be read with.

    Attributes:
        lines: All of it in words.
        unperturbed: Share of images that the two-stage rule breaks at ε = 0.
        known_draws: Share of images that fall when the attacker knows the draws.
        compression: Distance of a clean image and one moved at random within the bound after purification, by that
            before it, with the same draws.
        contradicted: Whether finite differences contradict the exact gradient; None where that was not measured.
    """

    lines: tuple[str, ...]
    unperturbed: Estimate | None
    known_draws: Estimate | None
    compression: Estimate | None
    contradicted: bool | None
