"""What a study found: a table, curves and the labels of its pictures, as numbers and text alone."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from benchmark.records.part import Part, Text

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Measured(Part):
    """A number with its 95 % interval, whose ends are None where nothing is known of them."""

    value: Finite
    low: Finite | None = None
    high: Finite | None = None

    def percent(self) -> Measured:
        """A share in per cent."""
        low, high = (None if end is None else 100 * end for end in (self.low, self.high))
        return Measured(value=100 * self.value, low=low, high=high)


class Column(Part):
    """A column of a study's table: its name, and the unit of its numbers where they have one.

    A unit of "%" says that the numbers are shares in [0, 1], and shown in per cent.
    """

    name: Text
    unit: Text = ""


Cell = Measured | Finite | int | Text | None


class Curve(Part):
    """A line of a figure.

    Attributes:
        panel: What stands above the axes; curves of one panel share them.
        label: What the line is.
        x_label, y_label: Of the axes, those of the panel's first curve.
        x, y: As many of each, at least one.
    """

    panel: Text
    label: Text
    x_label: Text
    y_label: Text
    x: tuple[Finite, ...] = Field(min_length=1)
    y: tuple[Measured, ...]

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"the curve {self.label!r} has {len(self.x)} places and {len(self.y)} values")
        return self


class StudyFindings(Part):
    """What a study found of one defended model.

    Attributes:
        columns, rows: The table; each row is as long as there are columns.
        curves: The figure; none where there is none.
        picture_rows, picture_columns: Labels of the pictures, which are tensors of the step; none where there are none.
    """

    columns: tuple[Column, ...] = Field(min_length=1)
    rows: tuple[tuple[Cell, ...], ...] = Field(min_length=1)
    curves: tuple[Curve, ...] = ()
    picture_rows: tuple[Text, ...] = ()
    picture_columns: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError("a row of the table is not as long as there are columns")
        return self

    @classmethod
    def read(cls, written: Any) -> Self:
        """Those that a step's record holds; raises ValueError where they are none."""
        return cls.model_validate_json(json.dumps(written))
