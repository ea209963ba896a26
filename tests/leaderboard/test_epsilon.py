"""Robust accuracy against ε from what the probe measured."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark.core.threat import Norm
from benchmark.evaluation.flags.base import FAILED
from benchmark.evaluation.intervals import wilson
from leaderboard.board import read_board
from leaderboard.epsilon.figure import draw_epsilon
from leaderboard.epsilon.section import AgainstEpsilon
from leaderboard.publish import publish
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

MEASURED = {"n": 16, "epsilon": [4 / 255, 8 / 255, 16 / 255, 1.0], "standing": [12, 8, 0, 0]}
CLEAN = clean_frame((np.arange(40) % 2).tolist(), np.arange(40) < 32)


def made(folder: Path, measured: dict[str, object]) -> HandMadeRun:
    run = HandMadeRun(folder)
    run.row("none", CLEAN, {"pgd": attack_frame(CLEAN, np.arange(40) < 20)})
    samples: pd.DataFrame | None = None
    run.cell("probe", "none", "probe", samples, {"measurements": {"eps_monotone": measured}}, threat=None, facts=None)
    run.manifest()
    return run


def section(run: HandMadeRun) -> AgainstEpsilon | None:
    return read_board(run.store.root).section(AgainstEpsilon)


def test_standing_images_count_among_all_that_were_looked_at(tmp_path: Path) -> None:
    found = section(made(tmp_path, {**MEASURED, "rise": 0, "p": 1.0, "classes": 2}))
    assert found is not None
    (curve,) = found.curves
    # 16 images that are right are what 20 hold, at an accuracy of 80 %.
    assert [point.robust.value for point in curve.points] == pytest.approx([12 / 20, 8 / 20, 0])
    assert [point.robust.interval for point in curve.points] == [wilson(s, 20.0) for s in (12, 8, 0)]
    assert curve.worst is not None
    assert curve.worst.value == 20 / 40
    assert all(point.epsilon < 1 for point in curve.points), "the largest ε of all is no perturbation"


@pytest.mark.parametrize("measured", [{FAILED: "it raised"}, {"n": 0}, {"n": "x", "epsilon": [], "standing": []}])
def test_a_probe_that_measured_nothing_is_no_curve_and_no_error(tmp_path: Path, measured: dict[str, object]) -> None:
    run = made(tmp_path, measured)
    assert section(run) is None
    assert "figures/epsilon.png" not in publish(run.store)


@pytest.mark.filterwarnings("ignore:Glyph")
def test_many_rows_with_any_label_and_any_norm_can_be_drawn(tmp_path: Path) -> None:
    found = section(made(tmp_path, {**MEASURED, "rise": 0, "p": 1.0, "classes": 2}))
    assert found is not None
    for norm in (Norm.LINF, Norm.L2):
        drawn = draw_epsilon(found.curves * 12, norm, 8 / 255, None, "$\\frac{")
        with Image.open(BytesIO(drawn)) as image:
            assert min(image.size) > 300
