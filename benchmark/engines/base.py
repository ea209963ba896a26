"""The contract of an engine, and the account that each keeps of the steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from benchmark.planning.plan import Plan
from benchmark.records.store import StepFailure
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext


@dataclass
class Tally:
    """What became of the steps: keys of those computed now, found finished, and failed (with the reason)."""

    computed: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


class Engine(ABC):
    """Where the steps of a plan run, and in which order.

    A step that raises fails alone, with what needs it; the others go on. `attempt` computes and saves one, wherever it
    is called, and an `Account` tells what is left to do.
    """

    @abstractmethod
    def run(self, plan: Plan, context: StepContext) -> Tally:
        """Compute every step that is not finished.

        KeyboardInterrupt passes through; finished steps stay.

        Raises:
            UserError, OSError: No step can be saved.
        """
        raise NotImplementedError


class Account:
    """What became of the steps so far, for the tally, the display and the folder of failures.

    Args:
        context: The run's.
    """

    def __init__(self, context: StepContext) -> None:
        self.tally = Tally()
        self._context = context

    def settled(self, step: Step) -> bool:
        """Whether nothing is left to do: it is finished, or something that it needs has failed."""
        tally, context = self.tally, self._context
        lacking = next((need for need in step.needs if need.key in tally.failed), None)
        if context.store.has(step.key):
            if step.key not in tally.computed:
                tally.reused.append(step.key)
        elif lacking is not None:
            self._fail(step, f"{lacking.label} failed: {tally.failed[lacking.key]}")
        else:
            return False
        context.progress.reused(step.label, key=step.key)
        return True

    def begin(self, step: Step) -> None:
        """It is being computed from here on."""
        named = step.kind in ("attack", "detect")
        self._context.progress.begin(f"{step.kind} {step.label}" if named else step.label, key=step.key)

    def end(self, step: Step, reason: str) -> None:
        """It is over; `reason` says why there is no result, and is empty where it is saved."""
        self._context.progress.turn_to(step.key)
        if not reason and not self._context.store.has(step.key):
            reason = "it says that it is finished and has left nothing"
        if reason:
            self._fail(step, reason)
            self._context.progress.end(f"FAILED ({reason.splitlines()[0]})")
        else:
            self.tally.computed.append(step.key)
            self._context.progress.end()

    def forget(self, key: str) -> None:
        """What it left is gone, so that it must be computed again."""
        for done in (self.tally.computed, self.tally.reused):
            if key in done:
                done.remove(key)

    def _fail(self, step: Step, reason: str) -> None:
        self.tally.failed[step.key] = reason
        self._context.store.fail(StepFailure(kind=step.kind, label=step.label, key=step.key, message=reason))
