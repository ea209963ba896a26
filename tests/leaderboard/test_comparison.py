"""Two rows image by image: what is counted, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.__main__ import main
from benchmark.core.errors import UserError
from benchmark.core.exit_status import ExitStatus
from benchmark.core.threat import Epsilon, Goal, Norm
from benchmark.records.run_record import RunRecord
from leaderboard.comparison.comparison import Comparison, compare
from leaderboard.comparison.side import read_side
from leaderboard.publish import publish
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame
from tests.records.made_by_hand import THREAT

LABELS = (np.arange(40) % 2).tolist()


def run(folder: Path, kept: dict[str, int], images: slice = slice(0, 40), **cell: Any) -> HandMadeRun:
    """A run whose rows keep the first so many images of 40, of which some are in it."""
    made, clean = HandMadeRun(folder), clean_frame(LABELS, [True] * 40)
    for name, count in kept.items():
        attacked = attack_frame(clean, np.arange(40) < count)
        made.row(name, clean.iloc[images], {"pgd": attacked.iloc[images]})
        made.cells[-1] |= cell
    made.manifest()
    return made


def changed(made: HandMadeRun, **update: Any) -> None:
    record: RunRecord = made.store.manifest()
    made.store.write_manifest(record.model_copy(update=update))


def compared(one: Path, row: str | None, other: Path, another: str | None) -> Comparison:
    return compare(read_side(one, row), read_side(other, another))


def test_rows_are_paired_by_image_whatever_their_order(tmp_path: Path) -> None:
    run(tmp_path / "a", {"firm": 30})
    run(tmp_path / "b", {"weak": 20}, images=slice(None, None, -1))
    found = compared(tmp_path / "a", None, tmp_path / "b", None)
    assert (found.n, found.only_first, found.only_second) == (40, 10, 0)
    assert (found.robust_first.value, found.robust_second.value, found.difference.value) == (0.75, 0.5, 0.25)
    assert found.p == pytest.approx(2 * 0.5**10)
    assert found.apart
    assert found.notes == ()


def test_images_that_one_did_not_see_are_left_out_and_said(tmp_path: Path) -> None:
    run(tmp_path / "a", {"firm": 30})
    run(tmp_path / "b", {"weak": 20}, images=slice(16, 40))
    found = compared(tmp_path / "a", "firm", tmp_path / "b", "weak")
    assert (found.n, found.only_first) == (24, 10)
    assert found.notes == (f"16 images of firm of {tmp_path / 'a'} are left out, which the other did not see",)


def test_twelve_one_sided_images_of_three_patients_are_no_difference(tmp_path: Path) -> None:
    made = HandMadeRun(tmp_path)
    clean = clean_frame(LABELS, [True] * 40).assign(group=[f"patient {i // 4}" for i in range(40)])
    for name, count in (("firm", 40), ("weak", 28)):
        made.row(name, clean, {"pgd": attack_frame(clean, np.arange(40) < count)})
    made.manifest()
    found = compared(tmp_path, "firm", tmp_path, "weak")
    assert (found.only_first, found.p, found.apart) == (12, 0.25, False)
    assert "whole patients" in found.test


REFUSED: dict[str, Callable[[HandMadeRun], None]] = {
    "data": lambda made: changed(made, data=made.store.manifest().data.model_copy(update={"fingerprint": "1" * 32})),
    "profile": lambda made: changed(made, suite=made.store.manifest().suite.model_copy(update={"profile": "standard"})),
    "protocol": lambda made: changed(made, suite=made.store.manifest().suite.model_copy(update={"protocol": 2})),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_data_profiles_and_protocols_are_refused(what: str, tmp_path: Path) -> None:
    run(tmp_path / "a", {"none": 20})
    REFUSED[what](run(tmp_path / "b", {"none": 20}))
    with pytest.raises(UserError, match=f"not comparable: {what}"):
        compared(tmp_path / "a", None, tmp_path / "b", None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"norm": Norm.L2}, "L∞ 8/255 untargeted against L2 8/255 untargeted"),
        ({"epsilon": Epsilon.parse("4/255")}, "L∞ 8/255 untargeted against L∞ 4/255 untargeted"),
        ({"goal": Goal.TARGETED, "target": "the likeliest class"}, "targeted at the likeliest class"),
    ],
)
def test_other_perturbations_and_goals_are_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    run(tmp_path / "a", {"none": 20})
    run(tmp_path / "b", {"none": 20}, threat=replace(THREAT, **change))
    with pytest.raises(UserError, match="not comparable") as caught:
        compared(tmp_path / "a", None, tmp_path / "b", None)
    assert said in caught.value.problem


def test_rows_without_a_worst_case_or_a_name_or_a_common_image_are_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", {"none": 20, "jpeg": 30})
    run(tmp_path / "b", {"none": 20}, status="error", reason="out of memory")
    run(tmp_path / "left", {"none": 20}, images=slice(0, 20))
    run(tmp_path / "right", {"none": 20}, images=slice(20, 40))
    for one, row, said in (("a", None, "several rows"), ("a", "jepg", "no row"), ("b", None, "pgd is error")):
        with pytest.raises(UserError, match=said):
            read_side(tmp_path / one, row)
    with pytest.raises(UserError, match="no image in common"):
        compared(tmp_path / "left", None, tmp_path / "right", None)


def test_the_command_reads_runs_and_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "a", {"firm": 30, "none": 0})
    run(tmp_path / "b", {"weak": 20})
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    found = []
    for words in ([a, "firm", b], [b, a, "firm"], [a, "firm", a, "none"]):
        assert main(["leaderboard", "compare", *words, "--json"]) == ExitStatus.DONE
        found.append(json.loads(capsys.readouterr().out)["difference"]["value"])
    assert found == [0.25, -0.25, 0.75]
    assert main(["leaderboard", "compare", a, "firm", b]) == ExitStatus.DONE
    assert "p = 0.00195 (McNemar's exact test); told apart" in capsys.readouterr().out
    assert main(["leaderboard", "compare", a]) == ExitStatus.REFUSED


def test_the_board_as_json_is_that_of_the_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = run(tmp_path, {"firm": 30, "none": 0})
    publish(made.store)
    assert main(["leaderboard", "show", "--run", str(tmp_path), "--json"]) == ExitStatus.DONE
    document = json.loads(capsys.readouterr().out)
    assert document["findings"]
    table = pd.read_csv(tmp_path / "rows.csv")
    assert len(document["rows"]) == len(table)
    kept = [line["robust"] for line in document["rows"] if line["attack"] == "worst case"]
    assert kept == table[table["attack"] == "worst case"]["robust"].tolist()
