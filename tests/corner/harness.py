"""The harness on the task, as `run` calls it: plan, steps, store, board."""

from __future__ import annotations

import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import scipy.stats
import torch
import torch._dynamo
import torchattacks

from benchmark.core import plugin
from benchmark.core.batching import BatchSize
from benchmark.core.progress import Progress
from benchmark.engines.local import LocalEngine
from benchmark.manifest import build_manifest
from benchmark.planning.planner import make_plan
from benchmark.records.run_record import RunRecord
from benchmark.records.store import Store
from benchmark.steps.context import StepContext
from benchmark.suites.suite import Suite
from benchmark.verdicts import fresh
from leaderboard.board import read_board
from leaderboard.detection.schema import DetectionRow
from leaderboard.robustness.schema import RobustnessRow
from tests.corner.catalogue import REGISTRY
from tests.corner.task import task

PROBES = {"epsilon": "8/255", "probes": 16, "diagnoses": 16}
ATTACKS: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 20},
    "pgd-margin": {"method": "pgd", "steps": 20, "objective": "margin"},
    "square": {"queries": 150},
}

VOTING = "majority-of-noise"
"""The honest purifier whose draws vote, which needs one more attack."""


def beside_none(*labels: str, attacks: dict[str, dict[str, Any]] = ATTACKS) -> dict[str, Any]:
    """The robustness table for controls, and one step on the undefended network to see whether anything changed it."""
    own = {name: {**table, "defenses": list(labels)} for name, table in attacks.items()}
    if VOTING in labels:
        own["low-frequency"] = {"steps": 20, "defenses": [VOTING]}
    return {**PROBES, "attack": {"fgsm": {"defenses": ["none"]}, **own}}


DETECTION: dict[str, Any] = {"epsilon": "8/255", "attack": {"bim": {"steps": 10}}}


IMPORTED = (scipy.stats, torch._dynamo, torchattacks)
"""What every run would import by itself, and takes seconds: a forked process has it from its parent."""


@dataclass
class Finished:
    """A run.

    Attributes:
        robustness: The rows of the robustness table; none where the run died.
        detection: The rows of the detection table, likewise.
        manifest: The run's manifest.
        samples: Per-image records of every cell that is done, by (defense, attack, detector).
        died: What ended it.
    """

    robustness: tuple[RobustnessRow, ...]
    detection: tuple[DetectionRow, ...]
    manifest: RunRecord | None
    samples: dict[tuple[str, str, str], pd.DataFrame]
    died: str = ""


def run(folder: Path, **tables: Any) -> Finished:
    """A run with these tables of the suite, in `folder`, in a process of its own that may be spoiled."""
    fresh.serving()
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(theirs, folder, tables))
    process.start()
    theirs.close()
    try:
        finished: Finished = ours.recv()
    except EOFError:
        finished = Finished((), (), None, {}, "the process ended")
    process.join()
    return finished


def begin(folder: Path, finished: Path, *kinds: str) -> Path:
    """A run folder that has the finished steps of these kinds already."""
    for kind in kinds:
        for step in finished.glob(f"steps/{kind}-*"):
            shutil.copytree(step, folder / "steps" / step.name)
    return folder


def _report(pipe: Any, folder: Path, tables: dict[str, Any]) -> None:
    try:
        finished = _run(folder, tables)
    except BaseException as error:
        finished = Finished((), (), None, {}, f"{type(error).__name__}: {error}")
    pipe.send(finished)
    pipe.close()


def _run(folder: Path, tables: dict[str, Any]) -> Finished:
    torch.set_num_threads(1)
    plugin._registry = REGISTRY
    data = task()
    suite = Suite.model_validate(
        {
            "name": "corner",
            "title": "The adversary's corner",
            "data": {"name": "corner"},
            "classifier": {"name": "corner-network"},
            "evaluation": {"samples": "all", "replicates": 10},
            **tables,
        }
    )
    store, device = Store(folder), torch.device("cpu")
    plan = make_plan(suite, Path("corner.toml"), data)
    context = StepContext(data=data, store=store, device=device, batch_size=BatchSize(256), progress=Progress())

    tally = LocalEngine().run(plan, context)
    written = build_manifest(
        suite=suite,
        plan=plan,
        data=data,
        store=store,
        failures=tally.failed,
        status="done",
        device=device,
        seed=suite.seed,
    )
    store.write_manifest(written)
    done = [cell for cell in written.of("robustness", "detection") if cell.status == "done"]
    samples = {(c.defense, c.attack, c.detector): store.samples(c.done_key) for c in done}
    board = read_board(folder)
    return Finished(board.robustness, board.detection, written, samples)
