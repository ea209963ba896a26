"""Running a plan on this machine, one step after another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import torch

from benchmark.core.undisturbed import PristineImages
from benchmark.engines.attempt import attempt
from benchmark.engines.finished_files import FinishedFiles
from benchmark.engines.worker import Worker
from benchmark.planning.plan import Plan
from benchmark.records.store import StepFailure
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext
from benchmark.steps.strangers import strangers
from benchmark.verdicts import fresh


@dataclass
class Tally:
    """What became of the steps: keys of those computed now, found finished, and failed (with the reason)."""

    computed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class LocalEngine:
    """Runs every unfinished step; one that raises fails alone, with what needs it, and the others go on.

    Steps run in processes forked from this one. Successive steps share a process where they rest on the same plug-ins
    of others, or on none, so that none of these can reach the rows that do without it; rows without any come first.

    Args:
        step_timeout: Seconds that one step may take; None for as long as it likes.
    """

    def __init__(self, *, step_timeout: float | None = None) -> None:
        self.step_timeout = step_timeout

    def run(self, plan: Plan, context: StepContext) -> Tally:
        """Compute what is missing. KeyboardInterrupt passes through; finished steps stay."""
        run = _Run(plan, context, self.step_timeout)
        try:
            while run.waiting:
                run.take(run.waiting.popleft())
        except BaseException:
            # A docket that nobody waits for any more would keep the next run waiting.
            fresh.close()
            raise
        finally:
            run.processes.end()
        return run.tally


class _Run:
    """One run of a plan: what is still to do, and what became of the rest."""

    def __init__(self, plan: Plan, context: StepContext, limit: float | None) -> None:
        self.steps = {step.key: step for step in plan.steps}
        # Rows that do without plug-ins of others come first: what is finished cannot be forged, and is watched.
        self.waiting = deque(sorted(plan.steps, key=lambda step: bool(strangers(step))))
        self.context = context
        self.tally = Tally()
        self.files = FinishedFiles(context.store.root)
        self.processes = _Processes(self.steps, context, limit)

    def take(self, step: Step) -> None:
        """Find a step finished, or compute it, or say why neither can be."""
        tally, context = self.tally, self.context
        lacking = next((need for need in step.needs if need.key in tally.failed), None)
        if context.store.has(step.key):
            self.files.note(step.key)
            if step.key not in tally.computed:
                tally.reused.append(step.key)
            context.progress.reused(step.label)
        elif lacking is not None:
            self._fail(step, f"{lacking.label} failed: {tally.failed[lacking.key]}")
            context.progress.reused(step.label)
        else:
            self._compute(step)

    def _compute(self, step: Step) -> None:
        context, others = self.context, strangers(step)
        context.progress.begin(f"{step.kind} {step.label}" if step.kind in ("attack", "detect") else step.label)
        reason = self.processes.run(step, others)
        reason = self._spoiled(step) or reason if others else reason
        if not reason and not context.store.has(step.key):
            reason = "it says that it is finished and has left nothing"
        if reason:
            self._fail(step, reason)
            context.progress.end(f"FAILED ({reason.splitlines()[0]})")
            return
        self.files.note(step.key)
        self.tally.computed.append(step.key)
        context.progress.end()

    def _spoiled(self, step: Step) -> str:
        """Which finished steps a step has written into, in words; they are computed again, before anything else."""
        spoiled = self.files.touched()
        if not spoiled:
            return ""
        self.context.store.discard(step.key)
        self.processes.end()
        for key in reversed([key for key in self.steps if key in spoiled]):
            self.waiting.appendleft(self.steps[key])
            for done in (self.tally.computed, self.tally.reused):
                if key in done:
                    done.remove(key)
        names = ", ".join(self.steps[key].label if key in self.steps else key for key in spoiled)
        return f"it wrote into what other steps had finished ({names}); these are computed again"

    def _fail(self, step: Step, reason: str) -> None:
        self.tally.failed[step.key] = reason
        self.context.store.fail(StepFailure(kind=step.kind, label=step.label, key=step.key, message=reason))


class _Processes:
    """The process that steps run in, one at a time, and never one for two sets of other people's plug-ins."""

    def __init__(self, steps: dict[str, Step], context: StepContext, limit: float | None) -> None:
        self._steps = steps
        self._bench = context
        self._limit = limit
        self._worker: Worker | None = None
        self._of: tuple[frozenset[str], object] = frozenset(), None

    def run(self, step: Step, others: frozenset[str]) -> str:
        """Compute and save a step that rests on these plug-ins of others; "" or the reason why there is none."""
        if torch.cuda.is_initialized():
            # A process that has used a GPU has no children that can: nothing is left but to run beside the plug-in.
            return attempt(step, self._bench, PristineImages(self._bench.data))
        of = others, fresh.serving()
        if self._worker is None or self._of != of or not self._worker.alive():
            self.end()
            self._worker, self._of = Worker(self._steps, self._bench), of
        reason = self._worker.run(step.key, self._bench.progress, self._limit)
        if not self._worker.alive():
            # The server may still be at a question that hangs, or that nobody waits for.
            fresh.close()
            self.end()
        return reason

    def end(self) -> None:
        """End the process, if there is one."""
        if self._worker is not None:
            self._worker.end()
        self._worker = None
