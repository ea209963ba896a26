"""What plug-ins say of themselves, asked before work begins: the plan and the run's record rest on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attacks.base import Attack
from attacks.effort import Duration, Effort
from benchmark.core.defended import Passes
from benchmark.core.errors import UserError, in_words
from benchmark.core.plugin import Plugin
from benchmark.core.threat import Epsilon, Norm
from benchmark.studies.base import Study
from defenses.base import Defense

Statements = dict[str, tuple[Callable[[], object], type]]
"""By the name of the method or property: how it is asked, and what it must give."""


def check_attack_statements(attack: Attack, *, where: str) -> None:
    """Raise UserError where an attack cannot say how long it goes on, or what it is made of."""
    _check(
        attack,
        {
            "parts": (attack.parts, Sequence),
            "duration": (attack.duration, Duration),
            "budget": (attack.budget, str),
            "least": (attack.least, Effort),
        },
        where,
    )


def check_effort_statements(attack: Attack, norm: Norm, epsilon: Epsilon, *, where: str) -> None:
    """Raise UserError where an attack cannot say what it spends on a perturbation, or which one it allows."""
    _check(
        attack,
        {
            "effort": (lambda: attack.effort(norm, epsilon.value), Effort),
            "shortfall": (lambda: attack.shortfall(norm, epsilon.value), str),
            "bound": (lambda: attack.bound(norm, epsilon), str),
        },
        where,
    )


def check_defense_statements(defense: Defense, *, where: str) -> None:
    """Raise UserError where a defense cannot say what its purifier costs."""
    _check(defense, {"purify_passes": (lambda: defense.purify_passes, Passes)}, where)


def check_study_statements(study: Study, defense: Defense, *, where: str) -> None:
    """Raise UserError where a study cannot say whether it can be made of a defense, or what that costs."""
    _check(study, {"without_use": (lambda: study.without_use(defense), str)}, where)
    if not study.without_use(defense):
        _check(study, {"passes": (lambda: study.passes(defense), Passes)}, where)


def _check(plugin: Plugin, statements: Statements, where: str) -> None:
    for name, (ask, kind) in statements.items():
        problem = ""
        try:
            answer = ask()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            problem = f"raises {in_words(error)}"
        else:
            if not isinstance(answer, kind):
                problem = f"gives {type(answer).__name__} and not {kind.__name__}"
        if problem:
            raise UserError(
                f"{name!r} of {plugin.kind} {plugin.name!r} {problem}",
                where=where,
                remedy=f"mend it in {plugin.origin()}, or leave the plug-in out",
            )
