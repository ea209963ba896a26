"""Running a plan on this machine."""

from __future__ import annotations

from collections import deque

import torch

from benchmark.engines.base import Account, Engine, Tally
from benchmark.engines.desk import Desk
from benchmark.engines.finished_files import FinishedFiles
from benchmark.engines.side_by_side import side_by_side
from benchmark.planning.plan import Plan
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext
from benchmark.steps.strangers import strangers
from benchmark.verdicts import fresh


class LocalEngine(Engine):
    """Runs the steps on this machine, in processes forked from this one.

    Steps share a process where they rest on the same plug-ins of others, or on none, so that none of these can reach
    the rows that do without it. Rows without any come first, some side by side; the others follow one after another.

    Args:
        step_timeout: Seconds that one step may take; None for as long as it likes.
        at_once: Steps of rows without other people's plug-ins that are computed side by side, each on one thread where
            they are more than one. On a GPU it is one in any case.
    """

    def __init__(self, *, step_timeout: float | None = None, at_once: int = 1) -> None:
        self.step_timeout = step_timeout
        self.at_once = at_once

    def run(self, plan: Plan, context: StepContext) -> Tally:  # noqa: D102
        run = _Run(plan, context, self.step_timeout, self.at_once)
        try:
            if self.at_once > 1 and not torch.cuda.is_initialized():
                run.take_together()
            while run.waiting:
                run.take(run.waiting.popleft())
        except BaseException:
            # A docket that nobody waits for any more would keep the next run waiting.
            fresh.close()
            raise
        finally:
            run.desk.end()
        return run.account.tally


class _Run:
    """One run of a plan: what is still to do, and what became of the rest."""

    def __init__(self, plan: Plan, context: StepContext, limit: float | None, at_once: int) -> None:
        self.steps = {step.key: step for step in plan.steps}
        # Rows that do without plug-ins of others come first: what is finished cannot be forged, and is watched.
        self.alone = {step.key for step in plan.steps if strangers(step)}
        self.waiting = deque(sorted(plan.steps, key=lambda step: step.key in self.alone))
        self.context = context
        self.limit = limit
        self.at_once = at_once
        self.account = Account(context)
        self.files = FinishedFiles(context.store.root)
        # What was computed side by side and must be computed again gets as many threads as before.
        self.desk = Desk(self.steps, context, limit, threads=1 if at_once > 1 else None)

    def take_together(self) -> None:
        """Every step that needs no plug-in of others, so many side by side."""
        own = [step for step in self.waiting if step.key not in self.alone]
        self.waiting = deque(step for step in self.waiting if step.key in self.alone)
        desks = [Desk(self.steps, self.context, self.limit, threads=1, shared=False) for _ in range(self.at_once)]
        side_by_side(own, desks, self.account, self.context.progress)
        for step in own:
            if step.key not in self.account.tally.failed:
                self.files.note(step.key)

    def take(self, step: Step) -> None:
        """Find a step finished, or compute it, or say why neither can be."""
        if not self.account.settled(step):
            self.account.begin(step)
            reason = self.desk.run(step)
            self.account.end(step, (self._spoiled(step) if step.key in self.alone else "") or reason)
        if step.key not in self.account.tally.failed:
            self.files.note(step.key)

    def _spoiled(self, step: Step) -> str:
        """Which finished steps a step has written into, in words; they are computed again, before anything else."""
        spoiled = self.files.touched()
        if not spoiled:
            return ""
        self.context.store.discard(step.key)
        self.desk.end()
        for key in reversed([key for key in self.steps if key in spoiled]):
            self.waiting.appendleft(self.steps[key])
            self.account.forget(key)
        names = ", ".join(self.steps[key].label if key in self.steps else key for key in spoiled)
        return f"it wrote into what other steps had finished ({names}); these are computed again"
