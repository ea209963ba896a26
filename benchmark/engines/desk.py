"""Where one step at a time is computed: a process for it, and the one that gives its verdicts."""

from __future__ import annotations

import torch

from benchmark.core.progress import Progress
from benchmark.core.undisturbed import PristineImages
from benchmark.engines.attempt import attempt
from benchmark.engines.worker import Worker
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext
from benchmark.steps.strangers import strangers
from benchmark.verdicts import fresh
from benchmark.verdicts.fresh import Serving


class Desk:
    """The process that steps run in, one at a time, and never one for two sets of other people's plug-ins.

    Args:
        steps: The steps that it can be asked for, by key.
        context: What they work with.
        limit: Seconds that one step may take; None for as long as it likes.
        threads: For computing rows without plug-ins of others; None for as many as this process has, as the others get.
        shared: Whether the process that gives the verdicts is this one's, or the one that steps run in has its own.
    """

    def __init__(
        self,
        steps: dict[str, Step],
        context: StepContext,
        limit: float | None,
        *,
        threads: int | None = None,
        shared: bool = True,
    ) -> None:
        self._steps = steps
        self._context = context
        self._limit = limit
        self._threads = threads
        self._shared = shared
        self._worker: Worker | None = None
        self._of: tuple[frozenset[str], Serving | None] = frozenset(), None

    def run(self, step: Step) -> str:
        """Compute and save a step; "" or the reason why there is none."""
        if torch.cuda.is_initialized():
            # A process that has used a GPU has no children that can: nothing is left but to run beside the plug-in.
            return attempt(step, self._context, PristineImages(self._context.data))
        self.begin(step, self._context.progress)
        while (reason := self.outcome()) is None:
            pass
        return reason

    def begin(self, step: Step, progress: Progress) -> None:
        """Have a step computed and saved, shown by `progress`, and go on here."""
        of = strangers(step), fresh.serving() if self._shared else None
        if self._worker is None or self._of != of or not self._worker.alive():
            self.end()
            if not self._shared:
                # What finds none in the process that it was forked from starts its own.
                fresh.close()
            threads = torch.get_num_threads() if self._threads is None or strangers(step) else self._threads
            self._worker = Worker(self._steps, self._context, threads=threads, own_server=not self._shared)
            self._of = of
        self._worker.ask(step.key, progress, self._limit)

    def outcome(self, wait: float | None = None) -> str | None:
        """What became of the step, as `Worker.outcome` has it."""
        assert self._worker is not None
        reason = self._worker.outcome() if wait is None else self._worker.outcome(wait)
        if reason is not None and not self._worker.alive():
            # The server may still be at a question that hangs, or that nobody waits for.
            if self._shared:
                fresh.close()
            self.end()
        return reason

    def heard_at(self) -> list[int]:
        """The descriptors that have something to read when there is something to hear."""
        return [] if self._worker is None else self._worker.heard_at()

    def end(self) -> None:
        """End the process, if there is one."""
        if self._worker is not None:
            self._worker.end()
        self._worker = None
