"""What a row of the table by subgroup holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class GapTest:
    """A test of one column behind one defense.

    Attributes:
        gap: Largest less smallest worst-case robust accuracy among the values that are tested, in [0, 1].
        p: That a gap as large comes about by chance, and, `p_holm`, one as large for any of the defense's columns.
    """

    gap: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class SubgroupRow:
    """Images of one subgroup behind a defense.

    Attributes:
        defense: Its label.
        column: What tells the subgroup, such as "sex".
        value: What it says of these images.
        n: Number of them; `patients` that of their patients.
        tested: Whether they are enough to be compared with those of other values.
        clean: Share of them that is right without an attack.
        robust: Share of them that is right on clean input and after every attack; None where an attack failed.
        test: Of the column; None where an attack failed or fewer than two values have enough images.
    """

    defense: str
    column: str
    value: str
    n: int
    patients: int
    tested: bool
    clean: Estimate
    robust: Estimate | None
    test: GapTest | None
