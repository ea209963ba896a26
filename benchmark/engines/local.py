"""Running a plan on this machine, one step after another."""

from __future__ import annotations

from collections import deque

import torch

from benchmark.core.undisturbed import PristineImages
from benchmark.engines.attempt import attempt
from benchmark.engines.base import Account, Engine, Tally
from benchmark.engines.finished_files import FinishedFiles
from benchmark.engines.worker import Worker
from benchmark.planning.plan import Plan
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext
from benchmark.steps.strangers import strangers
from benchmark.verdicts import fresh


class LocalEngine(Engine):
    """Runs the steps on this machine, one after another.

    Steps run in processes forked from this one. Successive steps share a process where they rest on the same plug-ins
    of others, or on none, so that none of these can reach the rows that do without it; rows without any come first.

    Args:
        step_timeout: Seconds that one step may take; None for as long as it likes.
    """

    def __init__(self, *, step_timeout: float | None = None) -> None:
        self.step_timeout = step_timeout

    def run(self, plan: Plan, context: StepContext) -> Tally:  # noqa: D102
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
        return run.account.tally


class _Run:
    """One run of a plan: what is still to do, and what became of the rest."""

    def __init__(self, plan: Plan, context: StepContext, limit: float | None) -> None:
        self.steps = {step.key: step for step in plan.steps}
        # Rows that do without plug-ins of others come first: what is finished cannot be forged, and is watched.
        self.waiting = deque(sorted(plan.steps, key=lambda step: bool(strangers(step))))
        self.context = context
        self.account = Account(context)
        self.files = FinishedFiles(context.store.root)
        self.processes = _Processes(self.steps, context, limit)

    def take(self, step: Step) -> None:
        """Find a step finished, or compute it, or say why neither can be."""
        if not self.account.settled(step):
            self.account.begin(step)
            others = strangers(step)
            reason = self.processes.run(step, others)
            self.account.end(step, (self._spoiled(step) if others else "") or reason)
        if step.key not in self.account.tally.failed:
            self.files.note(step.key)

    def _spoiled(self, step: Step) -> str:
        """Which finished steps a step has written into, in words; they are computed again, before anything else."""
        spoiled = self.files.touched()
        if not spoiled:
            return ""
        self.context.store.discard(step.key)
        self.processes.end()
        for key in reversed([key for key in self.steps if key in spoiled]):
            self.waiting.appendleft(self.steps[key])
            self.account.forget(key)
        names = ", ".join(self.steps[key].label if key in self.steps else key for key in spoiled)
        return f"it wrote into what other steps had finished ({names}); these are computed again"


class _Processes:
    """The process that steps run in, one at a time, and never one for two sets of other people's plug-ins."""

    def __init__(self, steps: dict[str, Step], context: StepContext, limit: float | None) -> None:
        self._steps = steps
        self._context = context
        self._limit = limit
        self._worker: Worker | None = None
        self._of: tuple[frozenset[str], object] = frozenset(), None

    def run(self, step: Step, others: frozenset[str]) -> str:
        """Compute and save a step that rests on these plug-ins of others; "" or the reason why there is none."""
        if torch.cuda.is_initialized():
            # A process that has used a GPU has no children that can: nothing is left but to run beside the plug-in.
            return attempt(step, self._context, PristineImages(self._context.data))
        of = others, fresh.serving()
        if self._worker is None or self._of != of or not self._worker.alive():
            self.end()
            self._worker, self._of = Worker(self._steps, self._context), of
        reason = self._worker.run(step.key, self._context.progress, self._limit)
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
