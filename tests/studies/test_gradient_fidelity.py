"""BPDA beside exact gradients that are known."""

from __future__ import annotations

import pytest

from benchmark.records.study_findings import Cell, Measured
from benchmark.studies.gradient_fidelity import GradientFidelity
from defenses.jpeg import JPEG
from defenses.none import NoDefense
from tests.studies.subjects import EPSILON, Shrinking, grey, subject


def values(row: object) -> list[float]:
    assert isinstance(row, list)
    cells: list[Cell] = row
    return [cell.value for cell in cells if isinstance(cell, Measured)]


def test_a_purifier_that_shrinks_shortens_its_gradient_and_nothing_else() -> None:
    """The exact gradient is c times BPDA's, so PGD's signs are the same and either breaks what the other does."""
    found = GradientFidelity(draws=2, steps=3).run(subject(Shrinking(factor=0.25, spread=0.01), grey(), scale=4.0))
    bpda, exact = found.rows
    assert values(bpda)[:4] == pytest.approx([1, 1, 4, 1], abs=1e-4)
    assert values(exact)[:4] == pytest.approx([1, 1, 1, 1], abs=1e-4)
    l1 = 4 * float(subject(Shrinking(), grey()).classifier.weights.abs().sum())  # type: ignore[operator,union-attr]
    assert 0.25 * EPSILON * l1 > 1
    assert values(bpda)[4] == values(exact)[4] == 0
    for curve in found.curves:
        assert [each.value for each in curve.y][-1] == 0
        assert [each.value for each in curve.y] == sorted((each.value for each in curve.y), reverse=True)


def test_what_has_nothing_to_compare_is_refused_in_words() -> None:
    study = GradientFidelity()
    assert "no purifier" in study.without_use(NoDefense())
    assert "no exact gradient" in study.without_use(JPEG())
    assert study.without_use(Shrinking()) == ""
