"""Suites whose attacks do next to nothing: their rows are incomplete, and say why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from attacks.base import Attack
from attacks.effort import Effort
from benchmark.core import plugin
from benchmark.core.threat import Norm
from benchmark.planning.plan import Selection
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from leaderboard.board import read_board
from leaderboard.publish import publish
from leaderboard.robustness.schema import RobustnessRow

COMPLETE = """
[robustness.attack.cw]
method = "cw-linf"
steps = 10
"""
ENOUGH = {"steps = 3\n[robustness.attack.square]\nqueries = 5": "steps = 10\n[robustness.attack.square]\nqueries = 100"}


def row(suite: Path, out: Path) -> RobustnessRow:
    selection = Selection(defenses=("none",), detectors=("kd",), limit=24)
    prepared = prepare(RunRequest(str(suite), out=out, selection=selection))
    prepared.plan.cells = [c for c in prepared.plan.cells if c.table == "robustness"]
    execute(prepared, publish)
    return read_board(Store(out).root).robustness[0]


def lacking(row: RobustnessRow) -> str:
    return "; ".join(r for r in row.remarks if r.startswith("lacks"))


def test_a_fair_effort_lacks_no_attack(suite_file: Callable[..., Path], tmp_path: Path) -> None:
    assert lacking(row(suite_file(COMPLETE, **ENOUGH), tmp_path / "run")) == ""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("queries = 100", "queries = 4", "a black-box attack (square: 10 steps at least, 100 queries"),
        (
            "[robustness.attack.square]\nqueries = 100",
            "[robustness.attack.random-noise]\ndraws = 200",
            "no image follows",
        ),
        ("[robustness.attack.square]\nqueries = 100", "[robustness.attack.hopskipjump]\nqueries = 1", "100 queries"),
        (
            "[robustness.attack.square]\nqueries = 100",
            "[robustness.attack.zo]\nmethod = 'pgd'\nsteps = 1\ngradient = { name = 'zeroth-order', pairs = 1 }",
            "a black-box attack (zo: 10 steps at least",
        ),
        (
            "[robustness.attack.square]\nqueries = 100",
            "[robustness.attack.zo]\nmethod = 'pgd'\nsteps = 10\ngradient = { name = 'zeroth-order', pairs = 1 }",
            "a black-box attack (zo: 500 values at least",
        ),
        (
            "[robustness.attack.pgd]",
            "[robustness.attack.pgd]\nstep_size = 1e-9",
            "pgd: the steps together do not reach",
        ),
        ('method = "cw-linf"', 'method = "cw-linf"\nstep_size = 1e-9', "cw: the steps together do not reach ε"),
    ],
)
def test_attacks_without_effort_leave_the_row_incomplete(
    old: str, new: str, words: str, suite_file: Callable[..., Path]
) -> None:
    from benchmark.evaluation.required import missing_attacks, required
    from benchmark.steps.attack import AttackStep
    from benchmark.steps.attack_facts import attack_facts

    text = suite_file(COMPLETE, **ENOUGH)
    text.write_text(text.read_text().replace(old, new, 1), encoding="utf-8")
    cells = prepare(RunRequest(str(text))).plan.cells
    steps = [
        c.step for c in cells if c.table == "robustness" and c.defense == "none" and isinstance(c.step, AttackStep)
    ]
    defense = steps[0].clean.fit.defense
    (missing,) = missing_attacks(required(defense), [attack_facts(step, defense) for step in steps])
    assert words in missing


@pytest.fixture
def pretender() -> Iterator[Callable[..., None]]:
    """Defines the attack `pretends`, which says one thing and does another, and forgets it afterwards."""

    def define(**members: Any) -> None:
        source = {"name": "pretends", "source": "a test", "norms": frozenset({Norm.LINF})}
        type("Pretends", (Attack,), {**source, "__module__": __name__, **members})

    yield define
    plugin._registry["attack"].pop("pretends", None)


def claims(self: Attack, norm: Norm, epsilon: float) -> Effort:
    return Effort(steps=20, gradients=20, reach=2.5)


def returns_at_once(self: Attack, victim: Any, x: Tensor, noise: Any, stop: Any) -> Tensor:
    # Not by all of ε, which every image might fall to.
    return (x + victim.ball.epsilon / 8).clamp(0, 1)


def asks_and_does_not_move(self: Attack, victim: Any, x: Tensor, noise: Any, stop: Any) -> Tensor:
    for step in range(20):
        victim.gradient(x, noise.at(step))
    return x


@pytest.mark.parametrize(
    ("run", "words"),
    [(returns_at_once, "standing images cost less than 10 forward"), (asks_and_does_not_move, "image was moved")],
)
def test_an_attack_that_claims_what_it_does_not_do_completes_nothing(
    run: Any, words: str, pretender: Callable[..., None], suite_file: Callable[..., Path], tmp_path: Path
) -> None:
    pretender(run=run, effort=claims, shortfall=lambda self, norm, epsilon: "")
    path = suite_file(COMPLETE, **ENOUGH)
    text = path.read_text().replace("[robustness.attack.pgd]\nsteps = 10", "[robustness.attack.pretends]")
    path.write_text(text, encoding="utf-8")
    remarks = lacking(row(path, tmp_path / "run"))
    assert "a white-box attack on cross-entropy of at least 10 steps that was carried out (pretends: " in remarks
    assert words in remarks
