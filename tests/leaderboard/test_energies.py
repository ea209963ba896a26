"""Energies on the board: what the report of a training says stands there, and what is no report hurts nobody."""

from __future__ import annotations

import csv
import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from defenses.energy.convergence import Convergence
from defenses.energy.long_run import LongRun
from defenses.energy.report import EnergyReport
from leaderboard.board import read_board
from leaderboard.energies.section import Energies
from leaderboard.publish import publish
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

CLEAN = clean_frame([0, 1, 1, 0], [True] * 4)
DATA = LongRun(0, 0.13, 0.32, 0.0)
BALANCED = Convergence(2.0, 30.0, (0.2,) * 15, 0.18, 0.001, 0)
CONVERGENT = EnergyReport(BALANCED, (DATA, LongRun(40, 0.14, 0.35, 0.0), LongRun(4000, 0.05, 0.4, 0.02)))
UNSTABLE = EnergyReport(
    Convergence(-900.0, 30.0, (-0.8,) * 15, 1.4, 0.4, 2), (DATA, LongRun.nowhere(40), LongRun.nowhere(400))
)
IMAGES = torch.full((3, 8, 1, 6, 6), 51, dtype=torch.uint8)


def made(folder: Path, **said: dict[str, Any]) -> HandMadeRun:
    run = HandMadeRun(folder)
    for name, evidence in said.items():
        key = run.step("fit", f"fit {name}", {"fit": name}, {"evidence": evidence}, {"long_run_images": IMAGES})
        run.row(name, CLEAN, {"pgd": attack_frame(CLEAN, [False] * 4)}, fit=key)
    run.row("none", CLEAN, {"pgd": attack_frame(CLEAN, [False] * 4)})
    run.manifest()
    return run


def test_reports_stand_in_every_document(tmp_path: Path) -> None:
    run = made(tmp_path, good={"energy": CONVERGENT.to_json()}, bad={"energy": UNSTABLE.to_json()})
    written = publish(run.store)
    assert {"energies.csv", "figures/energies.png"} <= set(written)
    page = (tmp_path / "leaderboard" / "reliability.md").read_text(encoding="utf-8")
    good, bad = (next(line for line in page.splitlines() if line.startswith(f"| {name}")) for name in ("good", "bad"))
    assert "| convergent" in good
    assert "4000: 0.05 ± 0.40 (2.0" in good
    assert "| unstable" in bad
    assert "40: diverged" in bad
    assert "- **bad**: chains diverged within 40 steps; drift ratio 1.40" in page
    assert "- **good**" not in page.partition("## Energies")[2].partition("\n## ")[0]
    assert "(../figures/energies.png)" in page
    with (tmp_path / "energies.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["defense"], line["steps"]) for line in lines] == [
        *(("good", str(steps)) for steps in (0, 40, 4000)),
        *(("bad", str(steps)) for steps in (0, 40, 400)),
    ]
    assert float(lines[2]["deviation"]) == 0.4
    assert lines[4]["mean"] == ""
    assert float(lines[4]["gap_autocorrelation_15"]) == -0.8


def test_defenses_with_one_energy_share_its_line_and_their_own_rows_of_the_file(tmp_path: Path) -> None:
    shared = {"energy": CONVERGENT.to_json()}
    run = made(tmp_path, short=shared, other={"energy": UNSTABLE.to_json()}, long=shared)
    section = read_board(run.store.root).section(Energies)
    assert section is not None
    assert [line.defenses for line in section.lines] == [("short", "long"), ("other",)]
    assert "| short, long" in section.markdown()[1]
    assert [row["defense"] for row in section.own_rows()] == ["short"] * 3 + ["long"] * 3 + ["other"] * 3


def test_images_of_the_data_and_of_chains_are_drawn(tmp_path: Path) -> None:
    run = made(tmp_path, good={"energy": CONVERGENT.to_json()})
    section = read_board(run.store.root).section(Energies)
    assert section is not None
    drawn = section.figure("a title")
    assert drawn is not None
    with Image.open(BytesIO(drawn)) as image:
        grey = (np.asarray(image.convert("RGB")) == 51).all(2).mean()
    # Three lines of eight images, all of one grey.
    assert grey > 0.2


@pytest.mark.parametrize("said", [{}, {"energy": None}])
def test_a_run_without_an_energy_has_no_section(tmp_path: Path, said: dict[str, Any]) -> None:
    assert read_board(made(tmp_path, other=said).store.root).section(Energies) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"verdict": "convergent!"},
        {"looks": "none"},
        {"gap_autocorrelation": [0.1]},
        {"more": 1},
        {"drift_ratio": "0.1"},
    ],
)
def test_what_is_no_report_is_told_and_takes_nothing_from_others(tmp_path: Path, changed: dict[str, Any]) -> None:
    run = made(tmp_path, wrong={"energy": {**CONVERGENT.to_json(), **changed}}, good={"energy": CONVERGENT.to_json()})
    section = read_board(run.store.root).section(Energies)
    assert section is not None
    assert [line.energy is not None for line in section.lines] == [False, True]
    page = "\n".join(section.markdown())
    assert "**wrong**: cannot be read" in page
    assert section.figure("t") is not None


def test_no_number_that_is_none_reaches_a_record() -> None:
    broken = EnergyReport(Convergence(math.nan, math.nan, (math.nan,) * 15, math.nan, 0.0, 4), ())
    assert broken.verdict == "unstable"
    assert broken.to_json()["gap_mean"] is None
    assert all(look["mean"] is None for look in UNSTABLE.to_json()["looks"][1:])
