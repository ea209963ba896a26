"""The table of visibility: over the images that were changed, and silent about what nobody measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.visibility.section import Visibility
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

CLEAN = clean_frame((np.arange(8) % 2).tolist(), [True] * 7 + [False])


def section(folder: Path, **columns: object) -> Visibility:
    run = HandMadeRun(folder)
    run.row("none", CLEAN, {"pgd": attack_frame(CLEAN, np.arange(8) < 2, **columns)})
    run.manifest()
    publish(run.store)
    found = read_board(folder).section(Visibility)
    assert found is not None
    return found


def test_means_are_over_the_images_that_were_attacked_and_changed(tmp_path: Path) -> None:
    moved = np.array([0, 0.01, 0.02, 0.03, 0.03, 0.03, 0.03, 9])
    (line,) = section(tmp_path, linf=moved, psnr=np.where(moved == 0, math.inf, 10 * np.arange(8))).lines
    assert (line.attacked, line.changed) == (7, 6)
    assert line.linf is not None
    assert line.linf.value == pytest.approx(0.025)
    assert line.psnr is not None
    assert line.psnr.value == pytest.approx(35.0)
    # s = 18.708 of 6 numbers, and t = 2.5706 with 5 degrees of freedom.
    assert line.psnr.interval.high - 35 == pytest.approx(2.5706 * 18.7083 / math.sqrt(6), rel=1e-4)


def test_what_is_not_known_is_a_dash_and_never_a_number(tmp_path: Path) -> None:
    found = section(tmp_path / "small", ssim=math.nan)
    assert "| – " in "\n".join(found.markdown())
    still = section(tmp_path / "still", linf=0.0, l2=0.0, psnr=math.inf, ssim=1.0).lines[0]
    assert (still.changed, still.psnr, still.ssim) == (0, None, None)
    assert (tmp_path / "still" / "visibility.csv").read_text().endswith("none,pgd,7,0,,,,,,,,,,,,\n")


def test_one_patient_tells_no_interval(tmp_path: Path) -> None:
    (line,) = section(tmp_path, group="one").lines
    assert line.psnr is not None
    assert math.isinf(line.psnr.interval.high)
    assert "35.0 " in "\n".join(Visibility((line,)).markdown())


def test_records_of_a_version_that_did_not_measure_it_say_so(tmp_path: Path) -> None:
    run = HandMadeRun(tmp_path)
    run.row("none", CLEAN, {a: attack_frame(CLEAN, np.arange(8) < 2).drop(columns="psnr") for a in ("pgd", "bim")})
    run.manifest()
    found = read_board(tmp_path).section(Visibility)
    assert found is not None
    assert found.own_rows() == []
    assert "**none × pgd, none × bim**: cannot be read (ValueError: the records lack psnr" in "\n".join(
        found.markdown()
    )
