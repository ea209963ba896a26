"""A run from beginning to end: suite, data, plan, steps, records, leaderboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from benchmark.core.at_once import at_once
from benchmark.core.batching import BatchSize
from benchmark.core.devices import choose_device
from benchmark.core.errors import UserError
from benchmark.core.images import ImageData
from benchmark.core.progress import Progress, progress_for
from benchmark.core.settings import shortened
from benchmark.core.termination import terminations_raised
from benchmark.datasets.loading.resolve import AUTO, resolve_data
from benchmark.engines.base import Engine, Tally
from benchmark.engines.local import LocalEngine
from benchmark.manifest import build_manifest
from benchmark.planning.plan import Plan, Selection
from benchmark.planning.planner import make_plan
from benchmark.records.inspection import published
from benchmark.records.run_folder import at_work, check_same_suite
from benchmark.records.run_record import RunRecord
from benchmark.records.samples import SAMPLES, write_samples
from benchmark.records.store import Store
from benchmark.records.subgroups import SUBGROUPS, write_subgroups
from benchmark.steps.context import StepContext
from benchmark.suites.suite import Suite, read_suite, ships

_BATCH_SIZE = re.compile(r"[1-9][0-9]{0,6}")


@dataclass(frozen=True)
class RunRequest:
    """The arguments of `run`, as typed on the command line."""

    suite: str
    profile: str = "quick"
    out: Path | None = None
    data: str = "auto"
    data_root: Path | None = None
    selection: Selection = field(default_factory=Selection)
    device: str = "auto"
    batch_size: str = "auto"
    force: bool = False
    step_timeout: float | None = None


@dataclass(frozen=True)
class PreparedRun:
    """A run that has been checked and not begun."""

    request: RunRequest
    suite: Suite
    data: ImageData
    plan: Plan
    device: torch.device
    batch_size: BatchSize
    out: Path

    @property
    def seed(self) -> int:
        """The seed in force."""
        return self.suite.seed if self.request.selection.seed is None else self.request.selection.seed

    @property
    def stands_in(self) -> bool:
        """Whether the images are drawn ones that nobody asked for."""
        return self.data.phantom and self.request.data == AUTO and self.data.name != self.suite.data.name


def prepare(request: RunRequest) -> PreparedRun:
    """Read the suite, load the data and make the plan.

    Raises:
        UserError: Anything that makes the run impossible.
    """
    suite, path = read_suite(request.suite, request.profile)
    device = choose_device(request.device)
    data = resolve_data(
        request.data,
        dataset=suite.data.name,
        settings=suite.data.settings,
        root=request.data_root,
        fallback_phantom=request.profile == "quick" and ships(path),
        where=f"{path.name}: data",
    )
    plan = make_plan(suite, path, data, request.selection)
    out = request.out or Path("runs") / f"{suite.name}-{suite.profile}"
    return PreparedRun(request, suite, data, plan, device, batch_size(request.batch_size, device, data), out)


def execute(
    run: PreparedRun,
    publish: Callable[[Store], list[str]],
    say: Callable[[str], None] = lambda _: None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Tally:
    """Compute what is missing, write the records, and call `publish` with the store, which gives the files it wrote.

    An interrupted run keeps its finished steps and raises KeyboardInterrupt again.

    Args:
        run: What to compute.
        publish: Makes the tables of a store whose records are complete.
        say: Is told what the user should know meanwhile.
        engine: Where the steps run; on this machine by default.
        progress: Shows how far it has come; by default where standard error goes.

    Raises:
        UserError: The folder holds another suite's board, or the disk does not let the run go on.
    """
    store = Store(run.out)
    if not run.request.force:
        check_same_suite(store, run.suite)
    with terminations_raised(), at_work(run.out, store.sweep) as others:
        if others:
            say(f"another run is at work in {run.out}: they share finished steps, and the last to end writes the board")
        engine = engine or LocalEngine(
            step_timeout=run.request.step_timeout, at_once=at_once(run.data.train.shape, run.device)
        )
        return _execute(run, store, publish, engine, progress or progress_for(len(run.plan.steps)))


def _execute(
    run: PreparedRun, store: Store, publish: Callable[[Store], list[str]], engine: Engine, progress: Progress
) -> Tally:
    context = StepContext(data=run.data, store=store, device=run.device, batch_size=run.batch_size, progress=progress)
    failures: dict[str, str] = {}

    def described(status: Literal["running", "failed", "interrupted"]) -> RunRecord:
        return build_manifest(
            suite=run.suite,
            plan=run.plan,
            data=run.data,
            store=store,
            failures=failures,
            status=status,
            device=run.device,
            seed=run.seed,
        )

    try:
        write_subgroups(run.data, store)
        store.write_manifest(described("running"))
        tally = engine.run(run.plan, context)
        failures |= tally.failed
        manifest = described("running")
        # Plug-ins have been at work in this folder.
        write_subgroups(run.data, store)
        # The board is read from the manifest, and the manifest vouches for the board.
        store.write_manifest(manifest)
        write_samples(manifest, store)
        files = [*publish(store), SAMPLES, *[SUBGROUPS] * bool(run.data.subgroups)]
        ended = {"status": "failed" if failures else "done", "published": published(store.root, files)}
        store.write_manifest(manifest.model_copy(update=ended))
    except KeyboardInterrupt:
        _end(store, described, "interrupted")
        raise
    except (UserError, OSError):
        _end(store, described, "failed")
        raise
    finally:
        progress.close()
    return tally


def _end(
    store: Store,
    described: Callable[[Literal["failed", "interrupted"]], RunRecord],
    status: Literal["failed", "interrupted"],
) -> None:
    """Leave a word about a run that did not come to its end, where the disk still takes one."""
    with suppress(UserError, OSError):
        store.write_manifest(described(status))


def batch_size(written: str, device: torch.device, data: ImageData) -> BatchSize:
    """The batch size as written, or what suits the device; raises UserError where it is none."""
    if written == "auto":
        return BatchSize.auto(device, data.train.shape)
    if not _BATCH_SIZE.fullmatch(written):
        raise UserError(
            f"{shortened(written)} is not a batch size",
            where="--batch-size",
            remedy="give a whole number from 1 to 9,999,999, or auto",
        )
    return BatchSize(int(written))
