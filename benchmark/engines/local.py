"""Running a plan in this process, one step after another."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmark.engines.undisturbed import PristineImages, process_settings_kept
from benchmark.errors import in_words
from benchmark.plan import Plan
from benchmark.serialising import UnsaveableError
from benchmark.step_folder import StepRecord
from benchmark.steps.base import Result, Step
from benchmark.store import StepFailure
from benchmark.workbench import Workbench
from benchmark.writing import DiskError


@dataclass
class Tally:
    """What became of the steps: keys of those computed now, found finished, and failed (with the reason)."""

    computed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class LocalEngine:
    """Runs every unfinished step; one that raises fails alone, with what needs it, and the others go on."""

    def run(self, plan: Plan, bench: Workbench) -> Tally:
        """Compute what is missing. KeyboardInterrupt passes through; finished steps stay."""
        tally = Tally()
        images = PristineImages(bench.data)
        for step in plan.steps:
            lacking = next((need for need in step.needs if need.key in tally.failed), None)
            if bench.store.has(step.key):
                tally.reused.append(step.key)
                bench.progress.reused(step.label)
            elif lacking is not None:
                self._fail(step, f"{lacking.label} failed: {tally.failed[lacking.key]}", tally, bench)
                bench.progress.reused(step.label)
            else:
                self._compute(step, tally, bench, images)
        return tally

    def _compute(self, step: Step, tally: Tally, bench: Workbench, images: PristineImages) -> None:
        bench.progress.begin(f"{step.kind} {step.label}" if step.kind in ("attack", "detect") else step.label)
        started = time.monotonic()
        result, reason = _attempt(step, bench)
        # Looked at in any case, so that nobody else meets what this step left behind.
        reason = _meddling(bench, images) or reason
        if result is None or reason:
            self._fail(step, reason, tally, bench)
            bench.progress.end(f"FAILED ({reason.splitlines()[0]})")
            return
        record = StepRecord(
            kind=step.kind,
            label=step.label,
            key=step.key,
            spec=step.spec,
            results=result.results,
            seconds=round(time.monotonic() - started, 3),
            device=str(bench.device),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            bench.store.save(record, result.tensors, result.samples)
        except (UnsaveableError, MemoryError) as error:
            self._fail(step, in_words(error), tally, bench)
            bench.progress.end(f"FAILED ({error})")
            return
        tally.computed.append(step.key)
        bench.progress.end()

    def _fail(self, step: Step, reason: str, tally: Tally, bench: Workbench) -> None:
        tally.failed[step.key] = reason
        bench.store.fail(StepFailure(kind=step.kind, label=step.label, key=step.key, message=reason))


def _attempt(step: Step, bench: Workbench) -> tuple[Result | None, str]:
    """(the result, "") or (None, why there is none): never "robust", and never the end of the others."""
    try:
        with process_settings_kept():
            return step.run(bench), ""
    except DiskError:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        return None, in_words(error)


def _meddling(bench: Workbench, images: PristineImages) -> str:
    """What a step changed that is not its own, in words; it is undone or forgotten."""
    changed = bench.take_back()
    found = [f"it changed the weights of the model that it was handed ({', '.join(changed)})"] if changed else []
    if images.restore():
        found.append("it changed the images that all steps work with")
    return "; ".join(found)
