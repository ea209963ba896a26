"""What a defense says of itself."""

from __future__ import annotations

from typing import Any, Self

from benchmark.records.part import Part, Text


class DefenseTraits(Part):
    """The claims of a defense that decide which attacks a fair row needs; see `defenses/base.py`."""

    randomized: bool = False
    differentiable: bool = True
    purifier: bool = False
    gradient_at_inference: bool = False
    exact_gradient: bool = False
    retrains: bool = False
    query_only: bool = False

    @classmethod
    def of(cls, defense: Any) -> Self:
        """Those of a defense."""
        return cls(**{trait: bool(getattr(defense, trait)) for trait in cls.model_fields})


class DefenseRecord(Part):
    """A row's defense.

    Attributes:
        method: Name of the plug-in.
        repr: Its settings, as Python writes them.
        source: The paper.
        summary: What it does, in a line.
        traits: Its claims.
        claimed_accuracy: Clean accuracy that its authors report, in [0, 1], where the suite says it.
        missing: Attacks that a fair row has and this one lacks, in words.
    """

    method: str
    repr: Text
    source: Text
    summary: Text
    traits: DefenseTraits
    claimed_accuracy: float | None
    missing: tuple[Text, ...]
