"""Whether the attacks that complete a row were carried out: what they asked of the images that stand."""

from __future__ import annotations

from typing import Any

from benchmark.core.threat import Access, Epsilon, Norm
from benchmark.evaluation.flags.base import AttackEvidence
from benchmark.evaluation.required import perturbation_set, served
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_cost import least_passes
from defenses.base import Defense

_TOLERATED = 10
"""One standing image in so many, and one of few, may have been left early: the verdict may differ from the search's."""
_STILL = 0.01
"""The share of ε below which an image was not moved."""


def effort_facts(step: AttackStep, defense: Defense) -> dict[str, Any]:
    """What an attack says it spends, and what of it can be checked afterwards.

    Returns:
        stated: What it spends on an image that never falls, in words.
        shortfall: What its settings lack of the least effort, in words; empty where nothing.
        serves: The needs of the row that it meets.
        set: The images that it may submit.
        forwards, backwards: Passes that the least effort amounts to on an image that stands.
        moves: Whether an image that stands is submitted where the search was best. One for the nearest image, and
            Square, submit it as it was.
    """
    attack, epsilon = step.attack, step.epsilon.value
    least = least_passes(attack, step.estimators(defense.surrogates), defense)
    return {
        "stated": str(attack.effort(step.norm, epsilon)),
        "shortfall": attack.shortfall(step.norm, epsilon),
        "serves": [need for need, lack in served(step, defense).items() if not lack],
        "set": list(perturbation_set(step)),
        "forwards": least.forwards,
        "backwards": least.backwards,
        "moves": attack.access is Access.GRADIENT and not attack.minimal and step.norm in (Norm.LINF, Norm.L2),
    }


def unspent(attacks: list[AttackEvidence]) -> list[str]:
    """What the row lacks because the attacks planned for it were not carried out, in words; empty where all were.

    As in planning, the set of allowed images counts for which the row has most.

    Args:
        attacks: The finished attacks of the row; their facts hold `effort_facts`.
    """
    groups: dict[tuple[Any, ...], list[AttackEvidence]] = {}
    for attack in attacks:
        groups.setdefault(tuple(attack.facts["effort"]["set"]), []).append(attack)
    found = [_unspent(group) for group in groups.values()]
    return min(found, key=lambda f: (-f[0], len(f[1])), default=(0, []))[1]


def _unspent(attacks: list[AttackEvidence]) -> tuple[int, list[str]]:
    """(needs that some attack was planned for, what is lacking of them)."""
    reasons = {a.label: _reason(a) for a in attacks}
    needs: dict[str, list[str]] = {}
    for attack in attacks:
        for need in attack.facts["effort"]["serves"]:
            needs.setdefault(need, []).append(attack.label)
    lacking = [
        f"{need} that was carried out ({'; '.join(f'{label}: {reasons[label]}' for label in labels)})"
        for need, labels in needs.items()
        if all(reasons[label] for label in labels)
    ]
    return len(needs), lacking


def _reason(attack: AttackEvidence) -> str:
    """Why the attack was none; empty where it was, or where no image stands."""
    effort, samples = attack.facts["effort"], attack.samples
    standing = samples[samples["attacked"].astype(bool) & samples["robust"].astype(bool)]
    if not len(standing):
        return ""
    left = (standing["forwards"] < effort["forwards"]) | (standing["backwards"] < effort["backwards"])
    if int(left.sum()) > max(1, len(standing) // _TOLERATED):
        least = f"{effort['forwards']} forward and {effort['backwards']} backward passes"
        return f"{int(left.sum())} of {len(standing)} standing images cost less than {least}"
    still = _STILL * Epsilon.parse(attack.facts["epsilon"]).value
    if effort["moves"] and bool((standing[attack.facts["norm"]] < still).all()):
        return "no standing image was moved"
    return ""
