"""Whole runs with attacks that know the detector: each has its rows, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from attacks.base import Aids
from attacks.detector_min import DetectorMin
from benchmark.core.errors import UserError
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.publish import publish

ADAPTIVE = ("random-guide", "closest-guide", "kde-min", "lid-min", "detector-min")
ATTACKS = "[detector.lid]\n" + "".join(
    f"[detection.attack.{name}]\ntrained_on = 'bim'\nsteps = 3\n" for name in ADAPTIVE
)
DETECTORS = ("kd", "lid", "svm")


@pytest.mark.usefixtures("registry")
def test_every_adaptive_attack_has_a_row_per_detector(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    # A step runs in a process of its own, so what it was handed is noted in a file.
    handed = tmp_path / "handed"

    class Noting(DetectorMin):
        """As detector-min, noting which detector it was handed."""

        name = "noting-in-tests"

        def prepare(self, aids: Aids) -> None:
            assert aids.detector is not None
            with handed.open("a") as file:
                file.write(f"{aids.detector.name} {aids.detector.differentiable_score is not None}\n")
            super().prepare(aids)

    noting = "[detection.attack.noting-in-tests]\ntrained_on = 'bim'\nsteps = 3\n"
    selection = Selection(defenses=("none",), attacks=("bim", *ADAPTIVE, "noting*"))
    request = RunRequest(str(suite_file(ATTACKS + noting)), out=tmp_path / "run", selection=selection)
    prepared = prepare(request)
    tally = execute(prepared, publish)
    assert not tally.failed
    assert handed.read_text().splitlines() == ["kd True", "svm True", "lid True"]
    rows = {(r.attack, r.detector): r for r in read_board(tmp_path / "run").detection}
    for name in ADAPTIVE:
        for detector in DETECTORS:
            row = rows[name, detector]
            assert row.status == "done", row.reason
            assert row.trained_on == "bim"
            assert "a detector is present that the attacker knows" in row.threat
    assert "the attacker ignores" in rows["bim", "kd"].threat
    samples = pd.read_parquet(tmp_path / "run" / "samples.parquet")
    assert not samples.duplicated(["table", "defense", "attack", "detector", "sample_id"]).any()
    of = samples[samples["table"] == "detection"].set_index(["attack", "detector"])
    # One attack for all detectors, but for detector-min one a detector.
    columns = ["sample_id", "l2", "adversarial_prediction"]
    kd, svm = (of.loc["kde-min", d][columns].reset_index(drop=True) for d in ("kd", "svm"))
    pd.testing.assert_frame_equal(kd, svm)
    kd, svm = (of.loc["detector-min", d]["l2"].reset_index(drop=True) for d in ("kd", "svm"))
    assert not kd.equals(svm)
    # The detector that was deceived is the one that scores: fitted alike, it scores the same clean images the same.
    for detector in DETECTORS:
        base, deceived = (of.loc[a, detector]["detector_score_clean"] for a in ("bim", "detector-min"))
        assert base.tolist() == deceived.tolist()
    assert not execute(prepare(request), publish).computed


@pytest.mark.parametrize(
    ("added", "where", "words"),
    [
        ("[detection.attack.detector-min]\n", "detection.attack.detector-min.trained_on", "cannot be trained on"),
        ("[robustness.attack.kde-min]\n", "robustness.attack.kde-min", "this table has none"),
        (
            "[detection.attack.lid-min]\ntrained_on = 'bim'\nobjective = 'margin'\n",
            "detection.attack.lid-min.objective",
            "is its objective",
        ),
        (
            "[detection.attack.x]\nmethod = 'bim'\ntrained_on = 'bim'\nobjective = { name = 'kde-min', base = 1 }\n",
            "detection.attack.x.objective",
            "no setting",
        ),
    ],
)
def test_what_cannot_be_is_refused(added: str, where: str, words: str, suite_file: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match=words) as caught:
        prepare(RunRequest(str(suite_file(added))))
    assert where in caught.value.where
    assert caught.value.remedy


def test_the_constraints_are_objectives_for_other_searches(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    added = "".join(
        f"[detection.attack.'pgd+{name}']\nmethod = 'pgd'\nobjective = '{name}'\ntrained_on = 'bim'\nsteps = 2\n"
        for name in ADAPTIVE[:4]
    )
    selection = Selection(defenses=("none",), attacks=("pgd+*",), detectors=("kd",))
    execute(prepare(RunRequest(str(suite_file(added)), out=tmp_path / "run", selection=selection)), publish)
    rows = [r for r in read_board(tmp_path / "run").detection if r.attack.startswith("pgd+")]
    assert [r.status for r in rows] == ["done"] * 4
