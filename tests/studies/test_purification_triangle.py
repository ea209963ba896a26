"""The purification triangle of purifiers whose sides are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.records.study_findings import Measured
from benchmark.studies.purification_triangle import PurificationTriangle, triangle
from defenses.none import NoDefense
from tests.studies.subjects import EPSILON, Shrinking, grey, subject


def test_the_sides_are_numpys_correlation_and_a_projection() -> None:
    drawn = torch.Generator().manual_seed(0)
    clean, adversarial = (torch.rand(4, 2, 5, 5, generator=drawn) for _ in range(2))
    purified = torch.rand(12, 2, 5, 5, generator=drawn)
    found = triangle(clean, adversarial, purified)
    for image in range(4):
        moved = (adversarial - clean)[image].flatten().numpy()
        kept = [(purified[3 * image + draw] - clean[image]).flatten().numpy() for draw in range(3)]
        assert found[image, 0] == pytest.approx(np.mean([np.corrcoef(moved, side)[0, 1] for side in kept]), abs=1e-5)
        assert found[image, 1] == pytest.approx(np.mean([moved @ side / (moved @ moved) for side in kept]), abs=1e-5)


def test_an_image_that_is_not_moved_has_no_correlation() -> None:
    assert torch.equal(triangle(grey(2), grey(2), grey(4) + 0.1), torch.zeros(2, 2))


@pytest.mark.parametrize("factor", [1.0, 0.4])
def test_a_purifier_that_shrinks_leaves_its_factor_at_every_step(factor: float) -> None:
    study = PurificationTriangle(step_sizes=("1/255", 0.5), steps=4, draws=2)
    found = study.run(subject(Shrinking(factor=factor), grey()))
    for row in found.rows:
        _, *sides, right = row
        assert [side.value for side in sides if isinstance(side, Measured)] == pytest.approx(
            [1, 1, factor, factor], abs=1e-5
        )
        assert isinstance(right, Measured)
    assert [len(curve.x) for curve in found.curves] == [4] * 4
    # The margin loses factor · ε ‖w‖₁ to a step of α = 0.5, more than it has, and almost nothing to random signs.
    small, large, random = (row[-1].value for row in found.rows if isinstance(row[-1], Measured))
    l1 = float(subject(Shrinking(), grey()).classifier.weights.abs().sum())  # type: ignore[operator,union-attr]
    assert factor * EPSILON * l1 > 1
    assert large == 0
    assert random > 0.5
    assert small == float(factor * 4 / 255 * l1 < 1)


def test_noise_lowers_the_correlation_and_not_what_is_left() -> None:
    """r = c ε / √(c² ε² + σ²) for a perturbation of ±ε, whose pixels have standard deviation ε."""
    factor, spread = 0.5, 0.05
    study = PurificationTriangle(step_sizes=(0.5,), steps=2, draws=32)
    found = study.run(subject(Shrinking(factor=factor, spread=spread), grey(32)))
    r, left = found.rows[0][2], found.rows[0][4]
    assert isinstance(r, Measured)
    assert isinstance(left, Measured)
    assert r.value == pytest.approx(factor * EPSILON / (factor**2 * EPSILON**2 + spread**2) ** 0.5, abs=0.02)
    assert left.value == pytest.approx(factor, abs=0.03)


def test_a_defense_without_a_purifier_is_refused_in_words() -> None:
    assert PurificationTriangle().without_use(NoDefense()) == "there is no purifier"
