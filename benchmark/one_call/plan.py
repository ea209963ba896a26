"""The suite that a call amounts to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from attacks.base import Attack
from benchmark.core.errors import UserError
from benchmark.core.plugin import Plugin
from benchmark.models.given import Given
from benchmark.planning.plan import Plan
from benchmark.steps.attack import AttackStep
from benchmark.steps.features import FeaturesStep
from benchmark.steps.fit import FitStep
from benchmark.suites.suite import Suite
from defenses.base import Defense

Attacks = Mapping[str, "str | Attack"] | Sequence["str | Attack"] | str | Attack


def suite_of(
    *,
    classifier: Given,
    data: str,
    title: str,
    norm: str,
    epsilon: str | float,
    attacks: Attacks,
    defense: str | Defense | None,
    target: str | int | None,
    samples: int | None,
    replicates: int,
    eot_samples: int,
    probes: int,
    seed: int,
) -> Suite:
    """The suite with one defense and these attacks on it.

    Raises:
        UserError: Something in it is of a wrong type, or no attack is named.
    """
    guard = "none" if defense is None else defense
    document = {
        "name": "evaluate",
        "title": title,
        "seed": seed,
        "data": {"name": data},
        "classifier": {"name": classifier.name, **classifier.settings()},
        "evaluation": {"samples": "all" if samples is None else samples, "replicates": replicates},
        "defense": {_label(guard): _table(guard)},
        "robustness": {
            "norm": norm,
            "epsilon": epsilon,
            **({} if target is None else {"goal": "targeted", "target": target}),
            "eot_samples": eot_samples,
            "probes": probes,
            "diagnoses": probes,
            "attack": _attacks(attacks),
        },
    }
    try:
        return Suite.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"it cannot be {first['input']!r} ({first['msg']})", where=f"evaluate: {key}", remedy="see docs/evaluate.md"
        ) from error


def refuse_unlearned(plan: Plan, *, train: bool) -> None:
    """Raise UserError where a step needs training images that were not given, or other classifiers than this one."""
    for step in plan.steps:
        if isinstance(step, AttackStep) and step.attack.proxies:
            raise UserError(
                "it needs classifiers of the attacker's own, and evaluate trains none",
                where=f"evaluate: attack {step.name!r}",
                remedy="leave it out, or write a suite, whose runs train them",
            )
        learns = {
            f"attack {step.name!r}" if isinstance(step, AttackStep) and step.attack.learns else "",
            f"defense {step.name!r}" if isinstance(step, FitStep) and type(step.defense).fit is not Defense.fit else "",
            "an objective on hidden features" if isinstance(step, FeaturesStep) else "",
        } - {""}
        if learns and not train:
            raise UserError(
                "it learns from training images, and there are none",
                where=f"evaluate: {learns.pop()}",
                remedy="give train=(images, labels)",
            )


def _attacks(attacks: Attacks) -> dict[str, dict[str, Any]]:
    if isinstance(attacks, (str, Attack)):
        attacks = (attacks,)
    if not attacks:
        raise UserError("no attack", where="evaluate: attacks", remedy='give names, such as ("pgd", "square")')
    if isinstance(attacks, Mapping):
        return {label: _table(attack) for label, attack in attacks.items()}
    tables: dict[str, dict[str, Any]] = {}
    for attack in attacks:
        label, number = _label(attack), 2
        while label in tables:
            label, number = f"{_label(attack)}-{number}", number + 1
        tables[label] = _table(attack)
    return tables


def _label(plugin: str | Plugin) -> str:
    return plugin.name if isinstance(plugin, Plugin) else str(plugin)


def _table(plugin: str | Plugin) -> dict[str, Any]:
    """What a suite says of a plug-in: its name, and its settings where they are known."""
    if isinstance(plugin, Plugin):
        return {"method": plugin.name, **plugin.settings()}
    return {"method": str(plugin)}
