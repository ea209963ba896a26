"""Studies within a run: from the suite to the published board, and what is refused on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core.errors import UserError
from benchmark.planning.plan import Selection
from benchmark.records.study_findings import Column, StudyFindings
from benchmark.run import RunRequest, execute, prepare
from benchmark.studies.base import Findings, Study
from benchmark.studies.subject import Subject
from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.studies.section import Studies

STUDIES = """
[defense.ebm]
features = 4
iterations = 20
steps = 4
training_steps = 2
votes = 2
[study.triangle]
method = "purification-triangle"
steps = 2
draws = 2
samples = 6
[study.saturation]
values = [2, 6]
samples = 6
[study.raising]
method = "raising-study"
[study.brief]
method = "saturation"
defenses = ["ebm"]
enabled = false
"""


class Raising(Study):
    """Always raises."""

    name = "raising-study"

    def run(self, subject: Subject) -> Findings:
        raise RuntimeError(f"nothing to say of {len(subject)} images")


def test_from_the_suite_to_the_published_board(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    out, suite = tmp_path / "run", suite_file(STUDIES, **{"probes = 4": "probes = 0\ndiagnoses = 0"})
    labels = ("triangle", "saturation", "raising")
    selection = Selection(defenses=("none", "ebm"), attacks=labels, limit=20)
    run = prepare(RunRequest(str(suite), out=out, selection=selection))
    execute(run, publish)
    board = read_board(out)
    section = board.section(Studies)
    assert section is not None
    status = {(report.study, report.defense): report.status for report in section.reports}
    assert status["triangle", "ebm"] == status["saturation", "ebm"] == "done"
    assert status["triangle", "none"] == status["saturation", "none"] == "not applicable"
    # One that raises fails alone, and is no longer there than its reason.
    failed = [line for line in board.failures() if line.startswith("study ")]
    assert len(failed) == 2
    assert all("nothing to say of" in line for line in failed)
    table = pd.read_csv(out / "studies.csv")
    own = table[(table["study"] == "saturation") & (table["column"] == "mean change")]
    assert own["value"].tolist() == sorted(own["value"])
    assert own["value"].iloc[0] == 0
    assert (own["low"] <= own["value"]).all()
    page = (out / "leaderboard" / "studies.md").read_text(encoding="utf-8")
    for words in ("### saturation", "(`purification-triangle`)", "Fine detail kept", "there is no purifier"):
        assert words in page
    for figure in ("studies.png", "studies-images.png"):
        assert (out / "figures" / figure).stat().st_size > 5000
        assert f"figures/{figure}" in page
    # Made again on other batches, in another folder, each number is the same.
    again = prepare(RunRequest(str(suite), out=tmp_path / "again", batch_size="8", selection=selection))
    execute(again, publish)
    twice = pd.read_csv(tmp_path / "again" / "studies.csv")
    pd.testing.assert_frame_equal(table, twice, rtol=1e-4)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("[study.nonsense]", "unknown study 'nonsense'"),
        ("[study.saturation]\nvaluess = [1]", "no setting 'valuess'"),
        ("[study.saturation]\nvalues = [-1]", "out of range"),
        ("[study.saturation]\nvalues = [15, 15]", "each once"),
        ('[study.saturation]\ndefenses = ["jpg"]', "'jpg' matches nothing"),
        ("[study.saturation]\nsamples = 0", "cannot be 0"),
        ('[study.saturation]\nepsilon = "300/255"', "epsilon"),
        ('[study.purification-triangle]\nstep_sizes = ["1/0"]', "out of range"),
        ("[study.purification-triangle]\nstep_sizes = [3.0]", "out of range"),
        ('[study."worst\\u0007"]\nmethod = "saturation"', "cannot be seen"),
        ('[study.clean]\nmethod = "saturation"', "stands for something else"),
    ],
)
def test_nonsense_is_refused_with_its_place(suite_file: Callable[..., Path], written: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(written))))
    assert problem in f"{caught.value}"
    assert "study" in caught.value.where


@pytest.mark.parametrize(
    "rows", [[[1.0, 2.0]], [[float("nan")]], [["text", 1]], []], ids=["too long", "NaN", "longer", "none"]
)
def test_findings_that_are_no_table_are_none(rows: list[list[float]]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Findings([Column(name="a")], rows).record()


def test_a_record_that_was_tampered_with_is_an_error() -> None:
    written = Findings([Column(name="a")], [[1.0]]).record().model_dump(mode="json")
    assert StudyFindings.read(written).rows == ((1.0,),)
    for changed in ({"rows": [[1.0, 2.0]]}, {"columns": "a"}, {"more": 1}):
        with pytest.raises(ValueError):  # noqa: PT011
            StudyFindings.read({**written, **changed})
