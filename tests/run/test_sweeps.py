"""Sweeps: one setting at several values, from suite to published table and figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core.errors import UserError
from benchmark.planning.plan import Cell, Selection
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.sweeps.section import Sweeps

SWEEPS = """
[sweep.bound]
robustness.epsilon = ["1/255", "8/255", "32/255"]
defenses = ["none"]
attacks = ["fgsm", "pgd"]
[sweep.steps]
attack.pgd.steps = [1, 3]
defenses = ["none"]
[sweep.quality]
defense.jpeg.quality = [20, 75]
attacks = ["fgsm"]
[sweep.neighbours]
detector.kd.bandwidth = [0.26, 1.0]
"""


def cells(suite: Path, **selection: tuple[str, ...]) -> list[Cell]:
    plan = prepare(RunRequest(str(suite), selection=Selection(**selection))).plan
    return [cell for cell in plan.cells if cell.table == "sweep"]


@pytest.fixture
def suite(suite_file: Callable[..., Path]) -> Path:
    return suite_file(SWEEPS)


def test_a_sweep_is_the_suite_with_another_value(suite: Path) -> None:
    plan = prepare(RunRequest(str(suite))).plan
    swept = [cell for cell in plan.cells if cell.table == "sweep" and cell.sweep is not None]
    at = {(c.sweep.sweep, c.sweep.value, c.defense, c.attack, c.detector): c.step for c in swept if c.sweep}
    own = {(c.table, c.defense, c.attack, c.detector): c.step for c in plan.cells if c.table != "sweep"}
    # At the suite's own value nothing is computed twice.
    for attack in ("clean", "fgsm", "pgd"):
        assert at["bound", "8/255", "none", attack, "none"].key == own["robustness", "none", attack, "none"].key  # type: ignore[union-attr]
    assert at["steps", "3", "none", "pgd", "none"].key == own["robustness", "none", "pgd", "none"].key  # type: ignore[union-attr]
    assert at["quality", "75", "jpeg", "fgsm", "none"].key == own["robustness", "jpeg", "fgsm", "none"].key  # type: ignore[union-attr]
    # Two attacks at three bounds, and one more number of steps; two qualities, each with its clean decisions; two
    # detectors on two attacks; the undefended clean decisions once.
    assert len({step.key for step in at.values() if step is not None}) == 6 + 1 + 4 + 4 + 1
    assert {name[2:4] for name in at if name[0] == "steps"} == {("none", "clean"), ("none", "pgd")}
    assert {name[4] for name in at if name[0] == "neighbours"} == {"kd"}


def test_filters_narrow_sweeps_too(suite: Path) -> None:
    assert {c.attack for c in cells(suite, attacks=("fgsm",))} == {"clean", "fgsm"}
    assert {c.defense for c in cells(suite, defenses=("jpeg",))} == {"jpeg"}


def test_from_the_suite_to_the_published_board(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    execute(prepare(RunRequest(str(suite), out=out)), publish)
    board = read_board(out)
    section = board.section(Sweeps)
    assert section is not None
    assert not board.failures()
    assert {row.defense for row in board.robustness} == {"none", "jpeg"}
    bound = {(r.point.value, r.curve): r.share for r in section.results if r.point.sweep == "bound"}
    accuracy = [bound[value, "worst case"].value for value in ("1/255", "8/255", "32/255")]  # type: ignore[union-attr]
    assert accuracy == sorted(accuracy, reverse=True)
    assert accuracy[0] > accuracy[-1]
    table = pd.read_csv(out / "sweeps.csv")
    samples = pd.read_parquet(out / "samples.parquet")
    own = samples[(samples["sweep"] == "bound") & (samples["sweep_value"] == "32/255")]
    fallen = own[own["attack"].isin(["clean", "fgsm", "pgd"])].groupby("sample_id")["robust"].all()
    line = table[(table["sweep"] == "bound") & (table["value"] == "32/255") & (table["curve"] == "worst case")]
    assert line["share"].item() == pytest.approx(fallen.mean())
    assert line["number"].item() == pytest.approx(32 / 255)
    assert (out / "figures" / "sweeps.png").stat().st_size > 5000
    assert "robustness.epsilon" in (out / "leaderboard" / "sweeps.md").read_text()
    assert "(leaderboard/sweeps.md)" in (out / "leaderboard.md").read_text()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[sweep.a]", "sets one thing, not 0"),
        ('[sweep.a]\nrobustness.epsilon = ["1/255", "2/255"]\nattack.pgd.steps = [1, 2]', "sets one thing, not 2"),
        ("[sweep.a]\nattack.pgd.steps = [1]", "1 values are no sweep"),
        ("[sweep.a]\nattack.pgd.steps = [2, 2]", "a value twice"),
        ("[sweep.a]\nattack.pgdd.steps = [1, 2]", "no attack 'pgdd'"),
        ("[sweep.a]\nattack.pgd.stepps = [1, 2]", "stepps"),
        ("[sweep.a]\nattack.pgd.steps = [1, -2]", "attack.pgd.steps = -2"),
        ('[sweep.a]\nattack.pgd.steps = [1, "many"]', "attack.pgd.steps = 'many'"),
        ("[sweep.a]\nrobustness.epsilon = [0.1, 8.0]", "robustness.epsilon = 8.0"),
        ("[sweep.a]\nrobustness.probes = [1, 2]", "no sweep is over robustness.probes"),
        ('[sweep.a]\nrobustness.epsilon = ["1/255", "2/255"]\ndefenses = ["jpg"]', "'jpg' matches nothing"),
        ('[sweep."worst\\u0007"]\nrobustness.epsilon = ["1/255", "2/255"]', "cannot be seen"),
    ],
)
def test_nonsense_is_refused_with_its_place(suite_file: Callable[..., Path], written: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(written))))
    assert problem in f"{caught.value}"
    assert "sweep" in caught.value.where
