"""A table of images, end to end: what the board says of its subgroups, computed again from `samples.parquet`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import binomtest

from benchmark.evaluation.flags.base import Verdict
from benchmark.records.subgroups import SUBGROUPS
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import Board, read_board
from leaderboard.pages.markdown import to_markdown
from leaderboard.publish import publish
from leaderboard.subgroups.section import Subgroups
from tests.run.own_folder import NETWORKS

SUITE = """
[data]
name = "image-table"
path = "{folder}/images.csv"
subgroups = ["sex", "=view"]
size = 16

[classifier]
name = "module"
factory = "own_networks:build"
train = false

[robustness]
probes = 1
attack.fgsm = {{}}
"""


def draw_table(folder: Path) -> None:
    """48 images to judge and 16 beside, two of them in both; men's are near the threshold."""
    draws, rows = np.random.default_rng(0), []
    for number in range(64):
        sick, man, judged = number % 2, number // 2 % 2, number < 48
        level = 127 + (40 if sick else -40) * (0.1 if man else 1)
        pixels = np.clip(draws.normal(level, 12, (16, 16)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        view = "lateral" if number % 16 == 5 else "AP" if number % 3 else ""
        rows.append([f"{number}.png", sick, number // 4 if judged else number, "fm"[man], view, judged])
    for number in (46, 47):
        shutil.copy(folder / f"{number + 14}.png", folder / f"{number}.png")
    table = pd.DataFrame(rows, columns=["file", "label", "patient", "sex", "=view", "split"])
    # Two people live under a number: sex is of whole patients.
    table["patient"] = table["patient"].astype(str) + table["sex"]
    table["split"] = np.where(table["split"], "test", np.where(table.index % 4 < 2, "train", "val"))
    table.to_csv(folder / "images.csv", index=False)


Made = tuple[Path, Board, pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, plugins: None) -> Made:
    """(run folder, board, samples.parquet, subgroups.csv)."""
    folder = tmp_path_factory.mktemp("table")
    draw_table(folder)
    (folder / "own_networks.py").write_text(NETWORKS)
    suite = folder / "table.toml"
    suite.write_text(SUITE.format(folder=folder))
    run = folder / "run"
    execute(prepare(RunRequest(str(suite), out=run)), publish)
    return run, read_board(run), pd.read_parquet(run / "samples.parquet"), pd.read_csv(run / "subgroups.csv")


def test_every_number_follows_from_the_samples(made: Made) -> None:
    _, _, samples, table = made
    assert [*zip(table["subgroup"], table["value"], strict=True)] == [
        ("sex", "f"),
        ("sex", "m"),
        ("'=view", "AP"),
        ("'=view", "lateral"),
        ("'=view", "not said"),
    ]
    clean = samples[samples["attack"] == "clean"].set_index("sample_id")
    assert len(clean) == 48
    stands = samples.pivot_table("robust", "sample_id", "attack", aggfunc="first").astype(bool).all(axis=1)
    assert 0 < stands.mean() < 1
    for _, line in table.iterrows():
        own = clean[clean["subgroup_" + line["subgroup"].removeprefix("'")] == line["value"]]
        assert (line["n"], line["patients"]) == (len(own), own["group"].nunique())
        assert line["tested"] == (len(own) >= 20)
        assert line["clean"] == pytest.approx(own["clean_right"].astype(float).mean())
        assert line["robust"] == pytest.approx(stands[own.index].mean())
        assert line["robust_low"] <= line["robust"] <= line["robust_high"]
        wide = binomtest(int(stands[own.index].sum()), len(own)).proportion_ci(0.95, method="wilson")
        # Images of one patient, here two, can only widen what images of many would leave.
        assert line["robust_low"] <= wide.low + 1e-9
        assert line["robust_high"] >= wide.high - 1e-9


def test_the_gap_is_tested_among_values_with_enough_images(made: Made) -> None:
    table = made[3]
    sex, view = table[table["subgroup"] == "sex"], table[table["subgroup"] == "'=view"]
    assert sex["tested"].all()
    assert view["tested"].tolist() == [True, False, False]
    assert sex["gap"].nunique() == 1
    assert sex["gap"].iloc[0] == pytest.approx(sex["robust"].max() - sex["robust"].min())
    # Women's images are far from the threshold and men's near it: of all permutations hardly any does the same.
    assert sex["gap"].iloc[0] > 0.8
    assert (sex["p"] == sex["p_holm"]).all()
    assert sex["p"].iloc[0] < 0.01
    assert view[["gap", "p", "p_holm"]].isna().all(axis=None)


def test_it_stands_on_the_board(made: Made) -> None:
    text = to_markdown(made[1], "robustness")
    assert text.index("## What attacks leave of each class") < text.index("## Subgroups")
    assert "| lateral  | 3 (not tested)" in text


def test_two_of_48_images_that_were_learned_from_take_the_rank(made: Made) -> None:
    (row,) = made[1].robustness
    (flag,) = (flag for flag in row.flags if flag.id == "leaked_images")
    assert (flag.verdict, flag.value, flag.n) == (Verdict.FAIL, 2 / 48, 48)
    assert any(remark.startswith("leaked_images:") for remark in row.remarks)
    assert row.status != "ranked"


def test_a_file_that_was_changed_is_no_result_and_nothing_else_is(made: Made, tmp_path: Path) -> None:
    folder = shutil.copytree(made[0], tmp_path / "run")
    frame = pd.read_parquet(folder / SUBGROUPS)
    frame.assign(subgroup_sex="f").to_parquet(folder / SUBGROUPS, index=False)
    board = read_board(folder)
    section = board.section(Subgroups)
    assert section is not None
    assert section.table == ()
    assert "not what was written" in section.unread
    assert any("subgroups" in line for line in board.failures())
    assert board.robustness == made[1].robustness
