"""Whether what a suite's tables name in one another is there."""

from __future__ import annotations

from benchmark.core.errors import UserError, did_you_mean
from benchmark.planning.labels import check_globs
from benchmark.suites.suite import AttackTable, Suite


def check_references(suite: Suite, where: str) -> None:
    """Raise UserError where a table names a defense or an attack that is none, or detectors would learn in a circle.

    Args:
        suite: The suite.
        where: Name of its file.
    """
    labels = list(suite.defense)
    _check_behind(suite, f"{where}: defense")
    if suite.detection is not None:
        check_globs(suite.detection.defenses, labels, f"{where}: detection.defenses")
        _check_teachers(suite.detection.attack, f"{where}: detection.attack")
        _check_goals(suite.detection.attack, f"{where}: detection.attack")
    if suite.transfer is not None and suite.transfer.defenses:
        check_globs(suite.transfer.defenses, labels, f"{where}: transfer.defenses")
    for label, study in suite.study.items():
        check_globs(study.defenses, labels, f"{where}: study.{label}.defenses")
    for name, section in (("robustness", suite.robustness), ("detection", suite.detection)):
        for label, table in ({} if section is None else section.attack).items():
            check_globs(table.defenses, labels, f"{where}: {name}.attack.{label}.defenses")
    for label, table in ({} if suite.robustness is None else suite.robustness.attack).items():
        if table.trained_on is not None:
            raise UserError(
                "no detector is trained in this table",
                where=f"{where}: robustness.attack.{label}.trained_on",
                remedy="remove the key, or move the attack to [detection.attack.…]",
            )


def _check_behind(suite: Suite, where: str) -> None:
    for label, table in suite.defense.items():
        if (behind := table.in_front_of) is None:
            continue
        key = f"{where}.{label}.in_front_of"
        others = [other for other in suite.defense if other != label]
        if behind not in others:
            raise UserError(f"there is no other defense {behind!r}", where=key, remedy=did_you_mean(behind, others))
        if suite.defense[behind].in_front_of is not None:
            raise UserError(
                f"{behind!r} itself stands in front of another defense", where=key, remedy="name one that retrains"
            )


def _check_goals(attacks: dict[str, AttackTable], where: str) -> None:
    for label, table in attacks.items():
        for key in ("goal", "target"):
            if getattr(table, key) is not None:
                raise UserError(
                    "every attack of this table goes after the likeliest wrong class",
                    where=f"{where}.{label}.{key}",
                    remedy="remove the key, or move the attack to [robustness.attack.…]",
                )


def _check_teachers(attacks: dict[str, AttackTable], where: str) -> None:
    for label, table in attacks.items():
        if not table.enabled or table.trained_on is None:
            continue
        key = f"{where}.{label}.trained_on"
        path = [label]
        while (teacher := attacks[path[-1]].trained_on) is not None:
            if teacher not in attacks or not attacks[teacher].enabled:
                raise UserError(
                    f"there is no attack {teacher!r} for detectors to be trained on",
                    where=f"{where}.{path[-1]}.trained_on",
                    remedy=did_you_mean(teacher, [k for k, t in attacks.items() if t.enabled and k != label]),
                )
            if teacher in path:
                raise UserError(
                    f"the attacks refer to one another in a circle: {' → '.join([*path, teacher])}",
                    where=key,
                    remedy="remove the key: detectors then learn from the attack itself",
                )
            path.append(teacher)
