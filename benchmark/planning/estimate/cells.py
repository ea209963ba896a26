"""What the cells of a run will cost, for the eye."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.core.progress import duration
from benchmark.planning.plan import Plan
from benchmark.steps.base import Step
from benchmark.steps.strangers import strangers

_LARGEST = 5


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        rows: For each cell its table, defense, attack and detector, forward and backward passes, and time in words.
        total: Time of the run in words.
        largest: The steps that take longest, with their times.
        unmeasured: Labels of the steps whose time is not in it.
    """

    rows: list[list[str]]
    total: str
    largest: list[str]
    unmeasured: list[str]


def estimated(plan: Plan, seconds: Mapping[str, float], *, at_once: int = 1) -> Estimate:
    """The cells of a plan with what each costs that the cells before it have not paid for.

    Passes are what images cost that no attack breaks; `attack_passes` says what they leave out. Seconds take it that
    half of an attack's questions are asked where it may end early (`questions`).

    Args:
        plan: The plan.
        seconds: Of its steps, by key, as `Costs` has them.
        at_once: Steps without other people's plug-ins that are computed side by side; the total takes it that there are
            always so many to compute.
    """
    seen: set[str] = set()
    rows = []
    for cell in plan.cells:
        names = [cell.table, cell.defense, cell.attack, cell.detector]
        if cell.step is None:
            rows.append([*names, "–", "–", f"skipped: {cell.reason}"])
            continue
        fresh = [step for step in _with_needs(cell.step) if step.key not in seen]
        seen |= {step.key for step in fresh}
        passes = [step.passes() for step in fresh]
        forwards, backwards = sum(p.forwards for p in passes), sum(p.backwards for p in passes)
        known = [seconds[step.key] for step in fresh if step.key in seconds]
        time = duration(sum(known)) if known or not fresh else "not measured"
        rows.append([*names, f"{forwards:,}", f"{backwards:,}", time])
    largest = sorted(seconds.items(), key=lambda item: -item[1])[:_LARGEST]
    labels = {step.key: step.label for step in plan.steps}
    return Estimate(
        rows,
        duration(_total(plan, seconds, at_once)),
        [f"{labels[key]} {duration(each)}" for key, each in largest],
        [label for key, label in labels.items() if key not in seconds],
    )


def _total(plan: Plan, seconds: Mapping[str, float], at_once: int) -> float:
    alone = {step.key for step in plan.steps if strangers(step)}
    together = [each for key, each in seconds.items() if key not in alone]
    return max([sum(together) / at_once, *together]) + sum(each for key, each in seconds.items() if key in alone)


def _with_needs(step: Step) -> list[Step]:
    found = {need.key: need for direct in step.needs for need in _with_needs(direct)}
    return [*found.values(), step]
