"""What a row of the table by class holds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.evaluation.intervals import Estimate


@dataclass(frozen=True)
class ClassRow:
    """A class of images behind a defense.

    Attributes:
        defense: Its label.
        name: The class.
        goal: For two classes what an attacker wants who turns its images, "disease hidden" or "disease invented"; else
            empty.
        n: Its evaluation images.
        clean: Share of them that is right without an attack: the class's sensitivity. None where it has no image.
        robust: Share of them that is right on clean input and after every attack. None where an attack failed, too.
        turned: Share of those right on clean input that some attack made wrong. None where there are none, too.
    """

    defense: str
    name: str
    goal: str
    n: int
    clean: Estimate | None
    robust: Estimate | None
    turned: Estimate | None
