"""Broken defenses must be flagged and must fall; adversarial training must be neither. Writes docs/flags.md."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from benchmark.core.plugin import registered
from benchmark.evaluation.flags.base import Verdict
from benchmark.evaluation.flags.page import render_page
from tests.corner.page import MARK
from tests.evaluation.broken_defenses import Quantizer
from tests.evaluation.flag_controls import TRIALS, Outcome, Trial, controls_registered, run_control

PAGE = Path(__file__).parents[2] / "docs" / "flags.md"
BROKEN = [trial for trial in TRIALS if trial.raises]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of all controls, which share a classifier."""
    return tmp_path_factory.mktemp("controls")


# Each control is one test, so that no two processes run the same one.
@pytest.mark.parametrize("trial", BROKEN, ids=lambda trial: trial.label)
def test_a_broken_defense_is_flagged_has_no_rank_and_falls_to_the_attack_that_adapts_to_it(
    folder: Path, trial: Trial
) -> None:
    found = run_control(trial, folder)
    assert set(trial.raises) <= found.raised(Verdict.WARN, Verdict.FAIL)
    assert found.raised(Verdict.FAIL)
    assert found.row.status != "ranked"
    assert found.row.clean.value > 0.9
    assert found.adaptive < 0.05
    if trial.deceives:
        assert found.careless > 0.5
    _is_on_the_page(found)


def test_adversarial_training_raises_none(folder: Path) -> None:
    found = run_control(next(trial for trial in TRIALS if trial.label == "adversarial-training"), folder)
    row = found.row
    assert {f.id: f.note for f in row.flags if f.verdict in (Verdict.WARN, Verdict.FAIL)} == {}
    assert (row.status, row.remarks) == ("ranked", ())
    assert row.worst.value > 0.9
    # There is no claim, no component without a gradient and no detector; everything else was computed.
    assert row.not_run == ()
    assert found.raised(Verdict.NOT_APPLICABLE) == {"clean_reproduced", "bpda_component_alone", "detector_joint"}
    _is_on_the_page(found)


def test_a_weak_defense_that_says_what_it_is_is_not_called_unreliable(folder: Path) -> None:
    found = run_control(next(trial for trial in TRIALS if trial.label == "honest-quantizer"), folder)
    assert found.row.worst.value < 0.05
    assert found.raised(Verdict.FAIL) == set()
    passed = {"bpda_component_alone", "zero_gradient", "black_box_beats_white_box", "known_broken_control"}
    assert passed <= found.raised(Verdict.PASS)
    _is_on_the_page(found)


def test_the_page_is_up_to_date_but_for_what_became_of_the_controls(folder: Path) -> None:
    if os.environ.get("MEDROBUST_WRITE_DOCS"):
        page = render_page([run_control(trial, folder).documented() for trial in TRIALS])
        _, mark, corner = PAGE.read_text(encoding="utf-8").partition(MARK)
        PAGE.write_text(f"{page}\n{mark}{corner}" if mark else page, encoding="utf-8")
    lines = _written()
    known = [line for line in lines if any(line.startswith(f"| {trial.title} ") for trial in TRIALS)]
    assert [line.split(" | ")[0].strip("| ") for line in known] == [trial.title for trial in TRIALS]
    assert _words("\n".join(line for line in lines if line not in known)) == _words(render_page([])), _AGAIN


_AGAIN = "run these tests with MEDROBUST_WRITE_DOCS=1 and read the changes"


def _is_on_the_page(found: Outcome) -> None:
    title = f"| {found.trial.title} "
    (written,) = [line for line in _written() if line.startswith(title)]
    (line,) = [line for line in render_page([found.documented()]).splitlines() if line.startswith(title)]
    assert _words(written) == _words(line), _AGAIN
    # One image of forty, turned by another processor's rounding, is half a step of the page.
    assert all(abs(a - b) <= 5 for a, b in zip(_shares(written), _shares(line), strict=True))


def _written() -> list[str]:
    return PAGE.read_text(encoding="utf-8").partition(MARK)[0].splitlines()


def _words(page: str) -> list[str]:
    return [word for word in re.sub(r"\d+ %", "share", page).split() if word.strip(":-|")]


def _shares(page: str) -> list[int]:
    return [int(share) for share in re.findall(r"(\d+) %", page)]


def test_the_controls_are_in_nobody_elses_registry() -> None:
    labels = {trial.label for trial in TRIALS if trial.defense}
    with controls_registered():
        assert labels < set(registered("defense"))
        assert "toy-network" in registered("classifier")
    assert not labels & set(registered("defense"))
    assert "toy-network" not in registered("classifier")
    assert Quantizer.name == ""
