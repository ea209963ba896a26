"""Refusing a run that would attack nothing: it would end like one whose attacks all failed to break anything."""

from __future__ import annotations

from benchmark.core.errors import UserError
from benchmark.planning.labels import DIAGNOSIS, PROBE, STUDY
from benchmark.planning.plan import Plan, Selection
from benchmark.steps.attack import AttackStep
from benchmark.steps.detect import DetectStep
from benchmark.suites.suite import Suite


def refuse_idle(plan: Plan, suite: Suite, selection: Selection, where: str) -> None:
    """Raise UserError where no cell of `plan` attacks or measures a model.

    Args:
        plan: All cells.
        suite, selection: Where they come from.
        where: Name of the suite's file.
    """
    if any(
        c.step is not None and (isinstance(c.step, AttackStep | DetectStep) or c.table in (PROBE, DIAGNOSIS, STUDY))
        for c in plan.cells
    ):
        return
    if not any(table.enabled for table in suite.defense.values()):
        raise UserError("no defense is enabled", where=f"{where}: defense", remedy="add [defense.none]")
    if selection.defenses or selection.attacks or selection.detectors:
        raise UserError(
            "what they leave of the suite attacks nothing",
            where="--defense, --attack, --detector",
            remedy="leave one of them out; --dry-run shows all cells",
        )
    skipped = next((f"{c.attack} on {c.defense}: {c.reason}" for c in plan.cells if c.reason), "it has no attack")
    raise UserError(f"the run would attack nothing ({skipped})", where=where, remedy="add [robustness.attack.pgd]")
