"""The diagnoses of a randomized purifier within a run: what they say, and what they cost a row that needs them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.diagnosis.rows import CONTRADICTED
from leaderboard.publish import publish
from leaderboard.robustness.schema import RobustnessRow

EBM = """
[defense.ebm]
activation = "leaky-relu"
features = 4
iterations = 60
steps = 10
temperature = 1e-6
training_steps = 3
long_run_images = 0
votes = 2
"""
ZEROTH_ORDER = """
[robustness.attack.pgd-zeroth-order]
method = "pgd"
steps = 10
eot_samples = 2
gradient = { name = "zeroth-order", pairs = 25 }
"""


@pytest.fixture
def ebm(suite_file: Callable[..., Path], tmp_path: Path) -> Callable[..., RobustnessRow]:
    """The energy model's row, always in the same folder."""

    def run(added: str = "") -> RobustnessRow:
        settings = {"probes = 4": "probes = 0\ndiagnoses = 8\neot_samples = 2"}
        suite = suite_file(EBM + added, **settings)
        selection = Selection(defenses=("ebm",), attacks=("pgd*", "square", "diagnosis"), limit=20)
        execute(prepare(RunRequest(str(suite), out=tmp_path / "run", selection=selection)), publish)
        (row,) = read_board(tmp_path / "run").robustness
        return row

    return run


def test_an_energy_without_curvature_lacks_an_attack_on_its_values(
    ebm: Callable[..., RobustnessRow], tmp_path: Path
) -> None:
    row = ebm()
    assert row.diagnosis is not None
    assert row.diagnosis.contradicted
    assert f"lacks {CONTRADICTED}" in row.remarks
    text = "; ".join(row.diagnosis.lines)
    assert row.decision == "mean logits over 2 draws"
    for words in ("ZERO CURVATURE", "of 8 images", "draws known to the attacker", "compression rate: "):
        assert words in text
    assert "zero-perturbation control" in (tmp_path / "run" / "leaderboard" / "reliability.md").read_text(
        encoding="utf-8"
    )
    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert set(rows[rows["table"] == "diagnosis"]["attack"]) == {"unperturbed", "known_draws", "compression"}

    answered = ebm(ZEROTH_ORDER)
    assert not any(CONTRADICTED in remark for remark in answered.remarks)
    (attack,) = [a for a in answered.attacks if a.attack == "pgd-zeroth-order"]
    assert attack.status == "done"
    assert "each gradient estimated from 50 values" in attack.threat
    assert attack.fresh is not None
    assert attack.robust is not None
    # What is right in every draw is right in the average one.
    assert attack.fresh.worst <= attack.fresh.mean
