"""The objective, the gradient estimator and the goal of an attack, from the names that a suite gives."""

from __future__ import annotations

from typing import Any, cast

from attacks.base import Attack
from attacks.gradients.automatic import automatic
from attacks.gradients.base import GradientEstimator
from attacks.objectives.base import Objective
from attacks.objectives.target import Rule, Target
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.plugin import look_up
from benchmark.core.threat import Access, Goal, Norm
from benchmark.planning.context import Context
from benchmark.steps.clean import CleanStep
from benchmark.steps.fit import FitStep
from benchmark.suites.suite import AttackTable, RobustnessTable
from defenses.base import Defense

AUTO = "auto"
"""What a suite says to leave the choice of the estimator to the defense's traits."""


def objective_of(context: Context, attack: Attack, table: AttackTable, where: str, *, targeted: bool) -> Objective:
    """What an attack maximises: what its table names, built on the attack's own objective, or that one.

    Raises:
        UserError: It is unknown, has no such setting, needs more classes than there are, or the attack takes none.
    """
    own = attack.default_objective()
    if table.objective is None:
        return own
    name, settings = _named(table.objective)
    objective = cast(Objective, look_up("objective", name, where=where).from_settings(settings, where=where, base=own))
    refusal = _refusal(attack, own)
    if refusal:
        problem, remedy = refusal
        raise UserError(f"attack {attack.name!r} {problem}", where=where, remedy=remedy)
    needed = objective.minimum_classes_targeted if targeted else objective.minimum_classes
    if needed > len(context.data.classes):
        raise UserError(
            f"objective {name!r} needs {needed} classes{' with a target' * targeted}, "
            f"the data has {len(context.data.classes)}",
            where=where,
            remedy='use "margin"',
        )
    return objective


def gradient_of(context: Context, table: AttackTable, defense: Defense, where: str) -> GradientEstimator:
    """The estimator asked for, of one draw; "auto" follows the defense.

    Raises:
        UserError: It is unknown, has no such setting, or goes through a surrogate that no defense offers.
    """
    name, settings = _named(table.gradient)
    kind = automatic(defense.traits()) if name == AUTO else look_up("gradient", name, where=where)
    gradient = cast(GradientEstimator, kind.from_settings(settings, where=where))
    if not gradient.surrogate:
        return gradient
    enabled = [context.defense(label, other) for label, other in context.suite.defense.items() if other.enabled]
    offered = sorted({surrogate for other in enabled for surrogate in other.surrogates})
    if gradient.surrogate not in offered:
        raise UserError(
            f"no defense of the suite offers a surrogate {gradient.surrogate!r}",
            where=where,
            remedy=did_you_mean(gradient.surrogate, offered),
        )
    return gradient


def sees_defense(table: AttackTable) -> bool:
    """Whether the estimator that a table asks for takes the defense into account."""
    name, _ = _named(table.gradient)
    return name == AUTO or cast("type[GradientEstimator]", look_up("gradient", name)).sees_defense


def check_grid(norm: Norm, gradient: GradientEstimator, where: str) -> None:
    """Raise UserError where an attack cannot stay on the 8-bit grid."""
    if norm is Norm.SPATIAL:
        raise UserError("a spatial attack cannot stay on the 8-bit grid", where=where, remedy="remove the key")
    if gradient.follows_values:
        raise UserError(
            "differences of values are taken between the steps of the 8-bit grid",
            where=where,
            remedy="use attack nes, which asks about rounded images",
        )


def table_target(context: Context, table: RobustnessTable) -> Target | None:
    """The class that a robustness table aims at; None where any wrong class counts.

    Raises:
        UserError: There is no such class, or a target and no goal that has one.
    """
    return _target(context, table.goal, table.target, f"{context.where}: robustness")


def evaluated(context: Context, fit: FitStep) -> CleanStep:
    """The clean decisions that a row rests on: images of `[evaluation]`, but for a class at which its table aims."""
    table = context.suite.robustness
    aimed_at = None if table is None else table_target(context, table)
    left_out = None if aimed_at is None else aimed_at.label
    return context.clean(fit, context.suite.evaluation.samples, left_out=left_out)


def target_of(
    context: Context, attack: Attack, table: AttackTable, section: RobustnessTable, where: str
) -> Target | None:
    """The class that an attack of a robustness table is to arrive at; None where any wrong class counts.

    Raises:
        UserError: The attack cannot be sent to a class, or aims at one class while its table does not.
    """
    own = table.goal is not None or table.target is not None
    goal = table.goal or section.goal
    if own:
        found = _target(context, goal, table.target, where)
        if found is not None and found.label is not None:
            raise UserError(
                "one class for all images is the goal of a whole table, which leaves the images of that class out",
                where=f"{where}.target",
                remedy=f"move goal and target to [robustness], or give {_RULES}",
            )
    else:
        found = table_target(context, section)
    if found is not None and not attack.takes_targets:
        raise UserError(
            f"attack {attack.name!r} cannot be sent to a class",
            where=where if own else f"{context.where}: robustness.goal",
            remedy='give the attack goal = "untargeted", or leave it out',
        )
    return found


_RULES = " or ".join(f'"{rule}"' for rule in Rule)


def _target(context: Context, goal: Goal, written: int | str | None, where: str) -> Target | None:
    if goal is Goal.UNTARGETED:
        if written is not None:
            raise UserError(
                "an untargeted attack has no target", where=f"{where}.target", remedy='set goal = "targeted" beside it'
            )
        return None
    if written is None:
        return Target()
    names, classes = list(context.data.classes), len(context.data.classes)
    if isinstance(written, str) and written not in names:
        if written in list(Rule):
            return Target(Rule(written))
        known = [*Rule, *names]
        raise UserError(f"no class is called {written!r}", where=f"{where}.target", remedy=did_you_mean(written, known))
    label = names.index(written) if isinstance(written, str) else written
    if label >= classes:
        raise UserError(f"there is no class {label}", where=f"{where}.target", remedy=f"give 0 to {classes - 1}")
    return Target(None, label)


def target_in_words(context: Context, target: Target) -> str:
    """The class aimed at, for a threat model."""
    if target.label is not None:
        return f"class {context.data.classes[target.label]!r}, whose own images are left out"
    assert target.rule is not None
    return target.rule.phrase


def _named(table: Any) -> tuple[str, dict[str, Any]]:
    """(name, settings) of an objective or estimator as a suite writes it."""
    return (table, {}) if isinstance(table, str) else (table.name, table.settings)


def _refusal(attack: Attack, own: Objective) -> tuple[str, str] | None:
    """(why an attack takes no objective from a suite, remedy); None where it does."""
    if attack.access is not Access.GRADIENT:
        return "takes no objective: it only queries scores", "remove the key"
    if not attack.takes_objective:
        return "takes no objective: its method is made for one", "remove the key"
    if own.detector_aware:
        return (
            "is its objective: with another it would be plain BIM",
            "remove the key, or name another attack as method",
        )
    return None
