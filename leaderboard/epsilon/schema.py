"""What a curve over ε holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class EpsilonPoint:
    """Robust accuracy where another perturbation is allowed.

    Attributes:
        epsilon: Its bound, on [0, 1] pixels.
        standing: Probed images that the probe's attack at this ε does not break.
        robust: Robust accuracy: clean accuracy × the standing share of the probed images.
    """

    epsilon: float
    standing: int
    robust: Estimate


@dataclass(frozen=True)
class EpsilonCurve:
    """What is left of a defense under one attack at several ε, each attacked by itself.

    Attributes:
        defense: Its label.
        probed: Images that were attacked, some of those that the row gets right.
        images: Evaluation images of the row.
        clean: Its accuracy without an attack.
        points: By ε, ascending.
        worst: The row's worst case over all its attacks at its own ε; None where it has none.
    """

    defense: str
    probed: int
    images: int
    clean: Estimate
    points: tuple[EpsilonPoint, ...]
    worst: Estimate | None
