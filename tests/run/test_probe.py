"""The flags' own measurements within a run: what they leave, and that nothing else suffers when they fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest

from benchmark.engines.base import Tally
from benchmark.evaluation.flags.base import Flag, MeasuredCheck, Verdict
from benchmark.evaluation.flags.catalogue import CHECKS
from benchmark.evaluation.flags.eps_monotone import EpsMonotone
from benchmark.planning.plan import Selection
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.probe import ProbeStep
from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.robustness.schema import RobustnessRow

ATTACKS = ("pgd", "square")
MEASURED = {check.id for check in CHECKS if isinstance(check, MeasuredCheck)} - {"bpda_component_alone"}
# Flags that the records of these attacks do not serve.
PROBED = MEASURED - {"black_box_beats_white_box"}


@pytest.fixture
def run(suite_file: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[RobustnessRow, Tally]]:
    """Run the tiny suite's undefended row, always in the same folder."""

    def run(*attacks: str, **replaced: str) -> tuple[RobustnessRow, Tally]:
        suite = suite_file(**replaced)
        selection = Selection(defenses=("none",), attacks=attacks, detectors=("kd",), limit=20)
        tally = execute(prepare(RunRequest(str(suite), out=tmp_path / "run", selection=selection)), publish)
        return next(r for r in read_board(tmp_path / "run").robustness if r.defense == "none"), tally

    return run


def flags(row: RobustnessRow) -> dict[str, Flag]:
    return {flag.id: flag for flag in row.flags}


def raises(*_: object) -> NoReturn:
    raise ZeroDivisionError("on purpose")


def test_flags_of_a_run(
    run: Callable[..., tuple[RobustnessRow, Tally]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a probe nothing that needs one is passed.
    row, _ = run(*ATTACKS)
    assert set(row.not_run) >= PROBED
    assert {flags(row)[f].note for f in PROBED} == {"no probe was run"}
    status = row.status

    # A probe that fails as a whole leaves its flags without a verdict, and the row as it is.
    with monkeypatch.context() as patch:
        patch.setattr(ProbeStep, "run", raises)
        row, tally = run(*ATTACKS, "probe")
    assert len(tally.failed) == 1
    assert row.status == status != "error"
    assert {flags(row)[f].note for f in PROBED} == {"the probe has no result: ZeroDivisionError: on purpose"}

    # A flag that fails takes no other with it.
    with monkeypatch.context() as patch:
        patch.setattr(EpsMonotone, "measure", raises)
        row, tally = run(*ATTACKS, "probe")
    assert not tally.failed
    assert flags(row)["eps_monotone"].verdict is Verdict.NOT_RUN
    assert "on purpose" in flags(row)["eps_monotone"].note
    assert MEASURED - set(row.not_run) == MEASURED - {"eps_monotone"}
    assert row.status == status
    assert "eps_monotone (could not be measured: ZeroDivisionError: on purpose)" in (
        tmp_path / "run" / "leaderboard" / "reliability.md"
    ).read_text(encoding="utf-8")

    # The probe is no attack: it has no records and no column.
    samples = pd.read_parquet(tmp_path / "run" / "samples.parquet")
    assert set(samples["table"]) == {"robustness"}
    assert {a.attack for a in row.attacks} == set(ATTACKS)
    record = next((tmp_path / "run" / "steps").glob("probe-*/record.json"))
    assert set(json.loads(record.read_text(encoding="utf-8"))["results"]["measurements"]) >= MEASURED


def test_a_suite_may_do_without_probes_and_claim_an_accuracy(suite_file: Callable[..., Path]) -> None:
    changed = {"probes = 4": "probes = 0"}
    changed["[defense.none]"] = "[defense.none]\nclaimed_accuracy = 0.9"
    prepared = prepare(RunRequest(str(suite_file(**changed))))
    assert not [c for c in prepared.plan.cells if c.table == "probe"]
    assert prepared.suite.defense["none"].claimed_accuracy == 0.9


def test_what_the_probe_is_given_follows_from_the_row(suite_file: Callable[..., Path]) -> None:
    cells = prepare(RunRequest(str(suite_file()))).plan.cells
    steps = {c.defense: c.step for c in cells if c.table == "probe"}
    assert {name: step.gradient.name for name, step in steps.items()} == {"none": "autograd", "jpeg": "bpda"}
    assert {step.steps for step in steps.values()} == {3}
    assert {step.images for step in steps.values()} == {4}


def test_a_defense_that_is_dear_to_ask_may_be_asked_about_fewer_images_and_draws(
    suite_file: Callable[..., Path],
) -> None:
    dear = "[defense.jpeg]\nprobes = 2\n[defense.zo-ae-ds]\nprobe_eot_samples = 3"
    changed = {"[defense.jpeg]": dear, "probes = 4": "probes = 4\nprobe_eot_samples = 5\neot_samples = 20"}
    changed["[defense.none]"] = "[defense.none]\n[defense.noisy]\nmethod = 'zo-ae-ds'"
    cells = prepare(RunRequest(str(suite_file(**changed)))).plan.cells
    steps = {c.defense: c.step for c in cells if c.table == "probe"}
    assert {name: (step.images, step.gradient.draws) for name, step in steps.items()} == {
        "none": (4, 1),
        "noisy": (4, 5),
        "jpeg": (2, 1),
        "zo-ae-ds": (4, 3),
    }
    # What a row must be read with rests on its own attack, not on a cheaper one.
    assert {c.step.gradient.draws for c in cells if c.table == "diagnosis"} == {20}


def test_a_norm_that_pgd_cannot_respect_is_not_probed(suite_file: Callable[..., Path]) -> None:
    changed = {'[robustness]\nepsilon = "8/255"': '[robustness]\nnorm = "l0"\nepsilon = 4'}
    for attack in ("fgsm", "pgd", "square"):
        changed[f"[robustness.attack.{attack}]\n"] = f"[robustness.attack.{attack}]\nnorm = 'linf'\nepsilon = 0.1\n"
    cells = prepare(RunRequest(str(suite_file(**changed)))).plan.cells
    probe = next(c for c in cells if c.table == "probe")
    assert probe.step is None
    assert "L0" in probe.reason
