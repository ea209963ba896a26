"""Another engine is one class, and the tables are the same whatever computes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.core.discovery import load_plugins
from benchmark.core.undisturbed import PristineImages
from benchmark.engines.attempt import attempt
from benchmark.engines.base import Account, Engine, Tally
from benchmark.engines.local import LocalEngine
from benchmark.planning.plan import Cell, Plan
from benchmark.records.store import Store
from benchmark.run import RunRequest, execute, prepare
from benchmark.steps.context import StepContext
from leaderboard.publish import publish
from tests.engines.steps import Deed

SUITE = """
name = "two-engines"
title = "Two engines"
[data]
name = "chest-phantom"
size = 28
count = 200
[classifier]
name = "small-cnn"
epochs = 1
[evaluation]
samples = 16
replicates = 2
[defense.none]
[robustness]
epsilon = "8/255"
probes = 0
diagnoses = 0
[robustness.attack.fgsm]
"""


class InThisProcess(Engine):
    """One step after another, in the process that asks."""

    def run(self, plan: Plan, context: StepContext) -> Tally:
        account, images = Account(context), PristineImages(context.data)
        for step in plan.steps:
            if not account.settled(step):
                account.begin(step)
                account.end(step, attempt(step, context, images))
        return account.tally


def test_tables_are_the_same_bytes_from_any_engine(tmp_path: Path) -> None:
    load_plugins()
    suite = tmp_path / "two.toml"
    suite.write_text(SUITE, encoding="utf-8")
    boards = []
    for name, engine in (("local", LocalEngine()), ("together", LocalEngine(at_once=3)), ("other", InThisProcess())):
        prepared = prepare(RunRequest(str(suite), out=tmp_path / name))
        tally = execute(prepared, publish, engine=engine)
        assert {*tally.computed} == {step.key for step in prepared.plan.steps}
        boards.append([(tmp_path / name / table).read_bytes() for table in ("leaderboard.md", "rows.csv")])
        again = execute(prepared, publish, engine=engine)
        assert (again.computed, {*again.reused}) == ([], {*tally.computed})
    assert boards[0] == boards[1] == boards[2]


@pytest.mark.parametrize(
    "engine", [LocalEngine(), LocalEngine(at_once=2), InThisProcess()], ids=["local", "together", "other"]
)
def test_a_step_fails_with_what_needs_it_and_alone(engine: Engine, context: StepContext) -> None:
    def fail(_: StepContext) -> None:
        raise ValueError("no")

    broken, fine = Deed("broken", fail), Deed("fine", lambda _: 1)
    dependent = Deed("dependent", lambda _: 2, after=(broken,))
    tally = engine.run(_plan(broken, dependent, fine), context)
    assert tally.computed == [fine.key]
    assert {*tally.failed} == {broken.key, dependent.key}
    assert tally.failed[dependent.key].startswith("broken failed: ")
    assert Store(context.store.root).has(fine.key)


def _plan(*steps: Deed) -> Plan:
    return Plan([Cell("robustness", step.label, "clean", "none", step) for step in steps])
