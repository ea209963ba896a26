"""Where on a sweep a cell stands."""

from __future__ import annotations

from benchmark.records.part import Part, Text


class SweepPoint(Part):
    """A setting at one of the values that a sweep gives it.

    Attributes:
        sweep: Label of the sweep.
        setting: What it sets, e.g. "defense.ebm.steps".
        value: As the suite writes it.
        number: The value where it is a number or a fraction; None where it is a word.
    """

    sweep: Text
    setting: str
    value: Text
    number: float | None
