"""Whatever a suite says, it is planned or refused; and what is planned can be run."""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import strategies as st

from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.planning.plan import Plan
from benchmark.planning.planner import make_plan
from benchmark.records.store import Store
from benchmark.run import PreparedRun, RunRequest, execute, prepare
from benchmark.suites.suite import read_suite
from leaderboard.publish import publish
from tests.fuzz.mutations import BASES, TINY, changed_text, changed_values
from tests.fuzz.trials import Fuzz

SLOWEST = 10
"""Seconds that planning one suite may take on a busy machine."""


@pytest.fixture(scope="module")
def images() -> ImageData:
    return ChestPhantom(size=28, count=100).load(root=None)


def planned(path: Path, images: ImageData) -> Plan | UserError:
    """The plan of a suite, or the one error that may come instead."""
    try:
        return make_plan(read_suite(str(path))[0], path, images)
    except UserError as error:
        return error


def test_mutated_suites_are_planned_or_refused(fuzz: Fuzz, images: ImageData, plugins: None, tmp_path: Path) -> None:
    path, seen = tmp_path / "mutated.toml", Counter[str]()
    before = sorted(Path.cwd().iterdir())

    def trial(content: str | bytes) -> None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        began = time.monotonic()
        plan = planned(path, images)
        assert time.monotonic() - began < SLOWEST
        if isinstance(plan, UserError):
            seen["refused"] += 1
            assert plan.where
            assert plan.remedy
            assert len(str(plan)) < 4000
        else:
            seen["planned"] += 1
            keys = [step.key for step in plan.steps]
            assert len(keys) == len(set(keys))
            assert len({(c.table, c.defense, c.attack, c.detector, c.sweep) for c in plan.cells}) == len(plan.cells)
            for step in plan.steps:
                passes = step.passes()
                assert 0 <= passes.forwards < math.inf
                assert 0 <= passes.backwards < math.inf

    done = fuzz(trial, st.one_of(changed_values(tuple(BASES)), changed_text(tuple(BASES))), trials=1000)
    assert done >= 25
    assert min(seen["refused"], seen["planned"]) > 0
    assert sorted(Path.cwd().iterdir()) == before
    print(f"{done} suites: {dict(seen)}")


# Small enough that a whole run takes a second or two; the classifier is trained once for all of them.
QUICK = (
    TINY.replace("count = 400", "count = 200")
    .replace("epochs = 2", "epochs = 1")
    .replace("samples = 40", "samples = 4")
    .replace("probes = 4", "probes = 0\ndiagnoses = 0")
    .replace("[defense.jpeg]\n", "")
)
QUICK = QUICK[: QUICK.index("[detection]")]
RUNNABLE = 2_000
"""Passes of a run that is worth waiting for."""


def ready(path: Path, out: Path) -> PreparedRun | None:
    """The run of a suite; None where it is refused, or would draw other images, which takes as long as there are."""
    try:
        if read_suite(str(path))[0].data.settings != {"size": 28, "count": 200}:
            return None
        return prepare(RunRequest(str(path), out=out, force=True))
    except UserError:
        return None


def test_what_planning_accepts_runs(fuzz: Fuzz, plugins: None, tmp_path: Path) -> None:
    path, out, seen = tmp_path / "mutated.toml", tmp_path / "run", Counter[str]()

    def trial(content: str) -> None:
        path.write_text(content, encoding="utf-8")
        prepared = ready(path, out)
        if prepared is None:
            seen["refused or other data"] += 1
            return
        if {step.key for step in prepared.plan.steps} <= known:
            seen["nothing new"] += 1
            return
        cost = sum(step.passes().forwards + step.passes().backwards for step in prepared.plan.steps)
        training = any(step.kind in ("train", "fit") and step.key not in known for step in prepared.plan.steps)
        if cost > RUNNABLE or training:
            seen["too long"] += 1
            return
        tally = execute(prepared, publish)
        seen["run"] += 1
        assert tally.failed == {}, content
        assert (out / "leaderboard.md").is_file()

    quick = tmp_path / "quick.toml"
    quick.write_text(QUICK, encoding="utf-8")
    plain = prepare(RunRequest(str(quick), out=out))
    execute(plain, publish)
    known = {step.key for step in plain.plan.steps}
    fuzz(trial, changed_values((QUICK,)), trials=40)
    assert Store(out).manifest().status == "done"
    assert seen["run"] > 0
    print(dict(seen))
