"""The transfer matrix: which classifier's images fool which model, from suite to published tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from benchmark.core.discovery import load_plugins
from benchmark.core.errors import UserError
from benchmark.planning.plan import Cell, Selection
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.attack import AttackStep
from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.transfer.schema import TransferMatrix
from tests.run.tiny import TINY

MATRIX = """
[transfer]
epsilon = "16/255"
[transfer.attack]
steps = 5
[transfer.classifier.reseeded]
name = "small-cnn"
epochs = 2
seed = 1
[transfer.classifier.wide]
name = "small-cnn"
width = 24
epochs = 2
seed = 2
"""
SOURCES = ("small-cnn", "reseeded", "wide", "ensemble")


def run(suite: Path, out: Path, attacks: tuple[str, ...] = SOURCES) -> TransferMatrix:
    execute(prepare(RunRequest(str(suite), out=out, selection=Selection(attacks=attacks))), publish)
    matrix = read_board(out).transfer
    assert matrix is not None
    return matrix


def cells(suite: Path, **selection: tuple[str, ...]) -> list[Cell]:
    plan = prepare(RunRequest(str(suite), selection=Selection(**selection))).plan
    return [cell for cell in plan.cells if cell.table == "transfer"]


@pytest.fixture
def suite(suite_file: Callable[..., Path]) -> Path:
    return suite_file(MATRIX)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, plugins: None) -> tuple[Path, TransferMatrix]:
    """The folder of a run of the whole matrix and one attack beside it, and the matrix; not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(TINY + MATRIX, encoding="utf-8")
    return folder / "run", run(folder / "tiny.toml", folder / "run", (*SOURCES, "pgd"))


def test_what_is_crafted_on_the_target_breaks_most(finished: tuple[Path, TransferMatrix]) -> None:
    folder, matrix = finished
    assert matrix.sources == SOURCES
    assert matrix.targets == ("small-cnn", "reseeded", "wide", "jpeg")
    undefended = [e for e in matrix.entries if e.target != "jpeg" and e.source != "ensemble"]
    shares = {
        white: [e.success.value for e in undefended if e.white_box is white and e.success] for white in (False, True)
    }
    assert [len(shares[False]), len(shares[True])] == [6, 3]
    assert sum(shares[True]) / 3 >= sum(shares[False]) / 6
    assert min(shares[True]) > 0
    samples = pd.read_parquet(folder / "samples.parquet").query("table == 'transfer'")
    for entry in matrix.entries:
        own = samples[(samples["defense"] == entry.target) & (samples["attack"] == entry.source)]
        right = own[own["clean_prediction"] == own["label"]]
        assert entry.n == len(right) > 0
        assert entry.success is not None
        assert entry.success.value == pytest.approx((right["adversarial_prediction"] != right["label"]).mean())
        assert entry.success.interval.low <= entry.success.value <= entry.success.interval.high
        assert set(own["forwards"]) == {0}, "a transfer attack asks the target nothing"


def test_the_ensemble_is_every_classifier_but_the_targets_own(suite: Path) -> None:
    found: dict[tuple[str, str], AttackStep] = {}
    for cell in cells(suite):
        assert isinstance(cell.step, AttackStep)
        found[cell.attack, cell.defense] = cell.step
    alone = {label: found[label, label].proxies for label in ("small-cnn", "reseeded", "wide")}
    for target, own in {"small-cnn": "small-cnn", "reseeded": "reseeded", "wide": "wide", "jpeg": "small-cnn"}.items():
        ensemble, train = found["ensemble", target], found["ensemble", target].clean.fit.train
        others = [proxies[0].key for label, proxies in alone.items() if label != own]
        assert [proxy.key for proxy in ensemble.proxies] == others
        assert train.key == alone[own][0].key
        assert ensemble.attack.proxies == 2
        assert ensemble.passes().backwards == 2 * found["wide", target].passes().backwards > 0


def test_estimates_cover_the_matrix(suite: Path) -> None:
    from benchmark.planning.estimate.cells import estimated

    run = prepare(RunRequest(str(suite), selection=Selection(attacks=SOURCES)))
    rows = estimated(run.plan, {}).rows
    found = {(row[2], row[1]): row for row in rows if row[0] == "transfer"}
    assert len(found) == 16
    for (source, target), (*_, forwards, backwards, _) in found.items():
        crafted = 5 * 40 * (2 if source == "ensemble" else 1)
        assert backwards == f"{crafted:,}"
        # The first entry of a target pays for the clean decisions; the defended rows have theirs already.
        first = source == "small-cnn" and target in ("reseeded", "wide")
        assert forwards == f"{crafted + 40 * first:,}"


def test_threat_models_say_who_is_asked(suite: Path) -> None:
    for cell in cells(suite):
        assert cell.threat is not None
        sentence = cell.threat.sentence()
        white = cell.attack == cell.defense
        assert sentence.startswith("white-box" if white else "transfer (gradients of the attacker's own classifiers)")
        assert ("does not know the defense" in sentence) is not white
        assert "no query" in sentence


def test_a_source_that_fails_takes_only_what_rests_on_it(
    registry: None, suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    load_plugins([str(Path(__file__).with_name("shy_classifier.py"))])
    added = MATRIX.replace('name = "small-cnn"\nwidth = 24\nepochs = 2', 'name = "shy-in-tests"')
    matrix = run(
        suite_file(added.replace("classifier.wide", "classifier.shy")), tmp_path, ("shy", "small-cnn", "ensemble")
    )
    for entry in matrix.entries:
        # Only the ensemble against the shy classifier itself leaves it out.
        rests = entry.source == "shy" or (entry.source == "ensemble" and entry.target != "shy")
        assert entry.status == ("error" if rests else "done"), (entry.source, entry.target, entry.reason)
        assert (entry.success is None) is rests
        assert ("no gradient for you" in entry.reason) is rests
    rows = pd.read_csv(tmp_path / "rows.csv").query("table == 'transfer' and status == 'error'")
    assert len(rows) == 4 + 3
    assert rows[["success", "robust"]].isna().all(axis=None)
    text = (tmp_path / "leaderboard" / "transfer.md").read_text(encoding="utf-8")
    assert "Entries without a result" in text
    assert (tmp_path / "figures" / "transfer.png").is_file()


def test_the_same_run_gives_the_same_bytes(suite: Path, finished: tuple[Path, TransferMatrix], tmp_path: Path) -> None:
    folders = [tmp_path / "other", finished[0]]
    run(suite, folders[0], (*SOURCES, "pgd"))
    names = (
        "leaderboard.md",
        "leaderboard/transfer.md",
        "rows.csv",
        "survival.csv",
        "figures/transfer.png",
        "figures/survival.png",
    )
    for name in names:
        one, other = ((folder / name).read_bytes() for folder in folders)
        assert one == other, name
    before = [(folders[0] / name).read_bytes() for name in names]
    request = RunRequest(str(suite), out=folders[0], selection=Selection(attacks=(*SOURCES, "pgd")))
    assert not execute(prepare(request), publish).computed
    assert [(folders[0] / name).read_bytes() for name in names] == before


def test_filters_choose_sources_and_targets(suite: Path) -> None:
    chosen = cells(suite, defenses=("wide", "jpeg"), attacks=("reseeded",))
    assert [(cell.attack, cell.defense) for cell in chosen] == [("reseeded", "wide"), ("reseeded", "jpeg")]
    assert not cells(suite, attacks=("pgd",))
    with pytest.raises(UserError, match="matches nothing"):
        cells(suite, attacks=("narrow",))


def test_defenses_and_ensembles_that_would_repeat_a_column_are_left_out(suite_file: Callable[..., Path]) -> None:
    without = MATRIX.replace("[transfer.attack]", "defenses = []\n[transfer.attack]").split(
        "[transfer.classifier.wide]"
    )[0]
    found = cells(suite_file(without))
    assert {cell.defense for cell in found} == {"small-cnn", "reseeded"}
    assert {cell.attack for cell in found} == {"small-cnn", "reseeded"}


WRONG = [
    (MATRIX.split("[transfer.classifier")[0], "transfer", "[transfer.classifier.LABEL]"),
    (MATRIX + "[transfer.classifier.jpeg]\nname = 'small-cnn'\nseed = 3\n", "transfer.classifier.jpeg", "defense"),
    (MATRIX + "[transfer.classifier.ensemble]\nname = 'small-cnn'\n", "transfer.classifier.ensemble", "ensemble"),
    (MATRIX + "[transfer.classifier.x]\nname = 'small-cnn'\nepochs = 2\n", "transfer.classifier.x", "another seed"),
    (MATRIX + "[transfer.classifier.x]\nname = 'smal-cnn'\n", "transfer.classifier.x", "did you mean 'small-cnn'"),
    (MATRIX + "[transfer.classifier.x]\nname = 'small-cnn'\nwdth = 3\n", "transfer.classifier.x", "did you mean"),
    (MATRIX.replace("steps = 5", "proxies = 2"), "transfer.attack", ""),
    (MATRIX.replace("16/255", "much"), "transfer.epsilon", "8/255"),
    (MATRIX.replace("[transfer]", "[transfer]\nnorm = 'l0'"), "transfer.norm", "linf"),
    (MATRIX.replace("[transfer]", "[transfer]\nnrom = 'l2'"), "transfer.nrom", "did you mean 'norm'"),
]


@pytest.mark.parametrize(("added", "where", "remedy"), WRONG)
def test_a_wrong_matrix_is_refused(added: str, where: str, remedy: str, suite_file: Callable[..., Path]) -> None:
    with pytest.raises(UserError) as caught:
        prepare(RunRequest(str(suite_file(added))))
    assert caught.value.where == f"tiny.toml: {where}"
    assert remedy in caught.value.remedy
