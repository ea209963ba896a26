"""The pages of a board: what is read first stands first, every link leads somewhere, nothing stale is left."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from leaderboard.board import read_board
from leaderboard.pages.markdown import pages
from leaderboard.publish import publish
from leaderboard.sections import PAGES, SECTIONS
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame, detection_frame

_LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture
def made(tmp_path: Path) -> HandMadeRun:
    """A row, a detector and a transfer entry."""
    run, clean = HandMadeRun(tmp_path), clean_frame((np.arange(64) % 2).tolist(), [True] * 64)
    attacked = attack_frame(clean, np.arange(64) % 3 > 0)
    run.row("none", clean, {"pgd": attacked})
    curve = {"n": 8, "epsilon": [0.01, 0.03, 1.0], "standing": [6, 3, 0], "rise": 0, "p": 1.0, "classes": 2}
    measured = {"measurements": {"eps_monotone": curve}}
    run.cell("probe", "none", "probe", None, measured, threat=None, facts=None)
    run.cell("detection", "none", "pgd", detection_frame(), {}, "kd")
    run.cell("transfer", "none", "source", attacked, {"accuracy": [0.5]})
    run.manifest()
    return run


def test_the_first_page_begins_with_the_findings_and_ends_with_protocol_and_data(made: HandMadeRun) -> None:
    publish(made.store)
    text = (made.store.root / "leaderboard.md").read_text(encoding="utf-8")
    order = [
        "on 64 images.",
        "| Rank",
        "(figures/epsilon.png)",
        "## Threat models",
        "## Every other table",
        "fingerprint",
    ]
    assert sorted(order, key=text.index) == order
    assert text.count("\n| ") == 3, "a header, a row and the constant answer: every other table is behind a link"


def test_every_link_leads_to_a_file_that_was_published(made: HandMadeRun) -> None:
    root, written = made.store.root, publish(made.store)
    linked = set()
    for page in root.rglob("*.md"):
        for link in _LINK.findall(page.read_text(encoding="utf-8")):
            linked.add((page.parent / link).resolve().relative_to(root.resolve()).as_posix())
    assert linked <= set(written)
    assert {name for name in written if name.endswith(".md") or name.startswith("figures/")} == linked


def test_a_page_of_an_earlier_run_is_removed(made: HandMadeRun) -> None:
    publish(made.store)
    assert (made.store.root / "leaderboard" / "detection.md").is_file()
    made.cells = [cell for cell in made.cells if cell["table"] == "robustness"]
    made.manifest()
    written = publish(made.store)
    there = {path.relative_to(made.store.root).as_posix() for path in (made.store.root / "leaderboard").iterdir()}
    assert there == {name for name in written if name.startswith("leaderboard/")}
    assert "leaderboard/detection.md" not in there


def test_every_section_stands_on_a_page_that_there_is(made: HandMadeRun) -> None:
    assert {kind.page for kind in SECTIONS} == {"", *PAGES}
    assert pages(read_board(made.store.root)) == [page for page in PAGES if page not in ("sweeps", "studies")]
