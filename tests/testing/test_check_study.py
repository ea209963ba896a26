"""A study that breaks its contract in one way is told so, and one that keeps it is not."""

from __future__ import annotations

import pytest
import torch

from benchmark.studies import Column, Findings, Study, Subject
from benchmark.testing import check_study


class Sound(Study):
    """Keeps its contract."""

    name = "sound-study"
    source = "a test"

    def number(self, subject: Subject) -> float:
        return float(subject.images.mean())

    def run(self, subject: Subject) -> Findings:
        return Findings([Column(name="mean")], [[self.number(subject)]])


class HandsBackANumber(Sound):
    name = "hands-back-a-number"

    def run(self, subject):
        return self.number(subject)


class Undefined(Sound):
    name = "undefined"

    def number(self, subject):
        return float("nan")


class DrawsAnew(Sound):
    name = "draws-anew"

    def number(self, subject):
        return float(torch.rand(1))


class OfItsBatches(Sound):
    name = "of-its-batches"

    def number(self, subject):
        return float(len(subject.map(lambda rows: torch.zeros(1))))


class Writes(Sound):
    name = "writes"

    def number(self, subject):
        subject.images.zero_()
        return 0.0


class LeavesGradients(Sound):
    name = "leaves-gradients"

    def number(self, subject):
        subject.model.classify(subject.images).sum().backward()
        return 0.0


class OfNothing(Sound):
    name = "of-nothing"

    def without_use(self, defense):
        return "never"


class Silent(Sound):
    name = "silent"

    def without_use(self, defense):
        return None


def test_a_study_that_keeps_its_contract_passes() -> None:
    check_study(Sound)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (HandsBackANumber, "float and not Findings"),
        (Undefined, "fit together"),
        (DrawsAnew, "global random state of torch"),
        (OfItsBatches, "other batches"),
        (Writes, "changes the images"),
        (LeavesGradients, "stored gradients"),
        (OfNothing, "can be made of nothing: never"),
        (Silent, "NoneType and not text"),
    ],
)
def test_each_breach_is_told(broken: type[Study], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_study(broken)
