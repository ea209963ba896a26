"""Broken defenses must be flagged and must fall; adversarial training must be neither. Writes docs/flags.md."""

from __future__ import annotations

import os
import re
from pathlib import Path

import flag_controls
import pytest
from flag_controls import TRIALS, Controls, Trial, run_controls

from benchmark.core.plugin import registered
from benchmark.evaluation.flags.base import Verdict
from benchmark.evaluation.flags.page import render_page
from tests.corner.page import MARK

PAGE = Path(__file__).parents[2] / "docs" / "flags.md"
BROKEN = [trial for trial in TRIALS if trial.raises]


def label(trial: Trial) -> str:
    return trial.label


@pytest.fixture(scope="module")
def controls(tmp_path_factory: pytest.TempPathFactory) -> Controls:
    return run_controls(tmp_path_factory.mktemp("controls"))


def raised(controls: Controls, trial: Trial, *verdicts: Verdict) -> set[str]:
    return {flag.id for flag in controls.rows[trial.label].flags if flag.verdict in verdicts}


@pytest.mark.parametrize("trial", BROKEN, ids=label)
def test_a_broken_defense_raises_its_flags_and_has_no_rank(controls: Controls, trial: Trial) -> None:
    assert set(trial.raises) <= raised(controls, trial, Verdict.WARN, Verdict.FAIL)
    assert raised(controls, trial, Verdict.FAIL)
    assert controls.rows[trial.label].status != "ranked"


@pytest.mark.parametrize("trial", BROKEN, ids=label)
def test_a_broken_defense_falls_to_the_attack_that_adapts_to_it(controls: Controls, trial: Trial) -> None:
    assert controls.rows[trial.label].clean.value > 0.9
    assert controls.adaptive[trial.label] < 0.05


@pytest.mark.parametrize("broken", ["quantizer", "high-temperature", "undeclared-noise", "batch-statistics"])
def test_the_attack_that_does_not_adapt_is_deceived(controls: Controls, broken: str) -> None:
    pgd = next(a for a in controls.rows[broken].attacks if a.attack == "pgd")
    assert pgd.robust.value > 0.5


def test_adversarial_training_raises_none(controls: Controls) -> None:
    row = controls.rows["adversarial-training"]
    assert {f.id: f.note for f in row.flags if f.verdict in (Verdict.WARN, Verdict.FAIL)} == {}
    assert (row.status, row.remarks) == ("ranked", ())
    assert row.worst.value > 0.9
    # There is no claim, no component without a gradient and no detector; everything else was computed.
    assert row.not_run == ()
    assert raised(controls, next(t for t in TRIALS if t.label == row.defense), Verdict.NOT_APPLICABLE) == {
        "clean_reproduced",
        "bpda_component_alone",
        "detector_joint",
    }


def test_a_weak_defense_that_says_what_it_is_is_not_called_unreliable(controls: Controls) -> None:
    trial = next(t for t in TRIALS if t.label == "honest-quantizer")
    assert controls.rows[trial.label].worst.value < 0.05
    assert raised(controls, trial, Verdict.FAIL) == set()
    passed = raised(controls, trial, Verdict.PASS)
    assert {"bpda_component_alone", "zero_gradient", "black_box_beats_white_box", "known_broken_control"} <= passed


def test_the_page_is_up_to_date(controls: Controls) -> None:
    page = render_page(controls.documented())
    _, mark, corner = PAGE.read_text(encoding="utf-8").partition(MARK)
    if os.environ.get("MEDROBUST_WRITE_DOCS"):
        PAGE.write_text(f"{page}\n{mark}{corner}" if mark else page, encoding="utf-8")
    written = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    assert _words(written) == _words(page), "run these tests with MEDROBUST_WRITE_DOCS=1 and read the changes"
    # One image of forty, turned by another processor's rounding, is half a step of the page.
    assert all(abs(a - b) <= 5 for a, b in zip(_shares(written), _shares(page), strict=True))


def _words(page: str) -> list[str]:
    return [word for word in re.sub(r"\d+ %", "share", page).split() if word.strip(":-|")]


def _shares(page: str) -> list[int]:
    return [int(share) for share in re.findall(r"(\d+) %", page)]


def test_the_controls_are_in_nobody_elses_registry(controls: Controls) -> None:
    assert not {trial.label for trial in TRIALS if trial.defense} & set(registered("defense"))
    assert "toy-network" not in registered("classifier")
    assert flag_controls.Quantizer.name == ""
