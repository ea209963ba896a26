"""Saturation: what longer purification takes of the image itself."""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Interval, Len
from torch import Tensor

from attacks.geometry.frequency import low_frequencies
from benchmark.core.allowed import Free
from benchmark.core.defended import Passes
from benchmark.core.errors import UserError
from benchmark.core.settings import AtOnce
from benchmark.records.study_findings import Cell, Column, Curve, Measured
from benchmark.studies.base import Findings, Pictures, Study
from benchmark.studies.subject import Subject, changed_settings
from defenses.base import Defense

_LEVEL = 1 / 255
_BAND = 0.5
"""Frequencies above this share of each axis are fine detail."""

_COLUMNS = {
    "mean change": "grey levels",
    "pixel s.d.": "grey levels",
    "saturated pixels": "%",
    "fine detail kept": "%",
    "fine energy": "of the image's",
    "right": "%",
}


class Saturation(Study):
    """What is lost of clean images as purification grows longer, with strips of images to look at.

    The purifier is used with each number of steps, with what it has learned left as it is. An energy that has not
    converged drives pixels to black and white (saturation), and any that is followed for long takes image features with
    the perturbation.

    Args:
        values: Values of the setting; the thesis takes K = 15, 30 and 45.
        setting: The defense's setting that says how long purification is.
        draws: Draws of each purification that the numbers are means of.
        shown: Images of the strip.
    """

    name = "saturation"
    source = "Mitchell 2020, Security through stochasticity (thesis), saturation at K = 15, 30, 45"
    reading = (
        "Mean change: |x_p − x|, in grey levels of 255. Saturated: pixels within half a grey level of black or white. "
        "Fine detail kept: the share of the image's own frequencies above half of each axis's that purified images "
        "have; fine energy is with what purification adds there. Right: decisions of the model on the clean images, "
        "which the defended model of the suite gets right. Means with bootstrap intervals over images."
    )

    def __init__(
        self,
        *,
        values: Annotated[tuple[Annotated[int, Interval(ge=0, le=10**5)], ...], Len(1, 16)] = (15, 30, 45),
        setting: Annotated[str, Free("a setting of the defense")] = "steps",
        draws: AtOnce = 4,
        shown: AtOnce = 4,
    ) -> None:
        self.values = values
        self.setting = setting
        self.draws = draws
        self.shown = shown

    def check_settings(self) -> None:
        if len(set(self.values)) < len(self.values):
            raise UserError("a value stands twice", remedy="give each once")

    def without_use(self, defense: Defense) -> str:
        if not defense.purifier:
            return "there is no purifier"
        if self.setting not in defense.settings():
            return f"the defense has no setting {self.setting!r}"
        costs = {changed_settings(defense, {self.setting: value}).purify_passes for value in self.values}
        if len(costs) < len(self.values):
            return f"{self.setting!r} is not how long purification is: its cost stays the same"
        return ""

    def passes(self, defense: Defense) -> Passes:
        costs = [changed_settings(defense, {self.setting: value}).purify_passes for value in self.values]
        asked = self.draws + getattr(defense, "votes", 1)
        return Passes(asked * sum(1 + c.forwards for c in costs), asked * sum(c.backwards for c in costs))

    def run(self, subject: Subject) -> Findings:
        images = subject.images
        rows: list[list[Cell]] = [["image", *_row(subject, lost(images, images)), subject.share(subject.labels >= 0)]]
        strip = [images[: self.shown]]
        for number, value in enumerate(self.values):
            subject.report(number / len(self.values), f"{self.setting} = {value}")
            found, right, first = self._at(subject.with_settings(**{self.setting: value}))
            rows.append([str(value), *_row(subject, found), subject.share(right)])
            strip.append(first)
        labels = [f"{self.setting} = {value}" for value in self.values]
        pictures = Pictures(
            rows=[f"image {number + 1}" for number in range(len(strip[0]))],
            columns=["image", *labels],
            images=torch.stack(strip, 1),
        )
        columns = [Column(name=self.setting), *(Column(name=name, unit=unit) for name, unit in _COLUMNS.items())]
        return Findings(columns, rows, [*self._curves(rows)], pictures)

    def _at(self, subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
        """(numbers of each image [N, 5], whether it is decided rightly [N], the first draw of those shown)."""
        noise = subject.noise.stream("purified")
        first = torch.zeros_like(subject.images)

        def some(rows: slice) -> Tensor:
            x = subject.images[rows]
            copies = subject.model.purify(x.repeat_interleave(self.draws, 0), noise[rows].repeat(self.draws))
            first[rows] = copies[:: self.draws]
            return lost(x.repeat_interleave(self.draws, 0), copies).unflatten(0, (-1, self.draws)).mean(1)

        return subject.map(some), subject.right(subject.images, "saturation"), first[: self.shown]

    def _curves(self, rows: list[list[Cell]]) -> list[Curve]:
        """A panel for each column."""
        curves = []
        for place, (name, unit) in enumerate(_COLUMNS.items(), 1):
            line = [each for row in rows[1:] if isinstance(each := row[place], Measured)]
            shown = tuple(each.percent() if unit == "%" else each for each in line)
            curves.append(
                Curve(
                    panel=f"{name} ({unit})",
                    label="purified",
                    x_label=self.setting,
                    y_label=unit,
                    x=tuple(map(float, self.values)),
                    y=shown,
                )
            )
        return curves


def lost(images: Tensor, purified: Tensor) -> Tensor:
    """The first five columns of each pair, in their order: [N, 5].

    Of an image without fine detail nothing can be lost: all of it is kept, and its energy is as it was.
    """
    fine, found = (x - low_frequencies(x, _BAND) for x in (images, purified))
    energy = fine.square().sum((1, 2, 3))
    kept, whole = (fine * found).sum((1, 2, 3)), found.square().sum((1, 2, 3))
    one, some = torch.ones_like(energy), energy > 1e-9
    ends = (purified < _LEVEL / 2) | (purified > 1 - _LEVEL / 2)
    return torch.stack(
        [
            (purified - images).abs().mean((1, 2, 3)) / _LEVEL,
            purified.std((1, 2, 3)) / _LEVEL,
            ends.float().mean((1, 2, 3)),
            torch.where(some, kept / energy.clamp_min(1e-12), one),
            torch.where(some, whole / energy.clamp_min(1e-12), one),
        ],
        1,
    )


def _row(subject: Subject, numbers: Tensor) -> list[Measured]:
    return [subject.mean(column) for column in numbers.unbind(1)]
