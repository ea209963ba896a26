"""Whether the attacks that complete a row were carried out: what they asked of the images that stand."""

from __future__ import annotations

from benchmark.evaluation.flags.base import AttackEvidence

_TOLERATED = 10
"""One standing image in so many, and one of few, may have been left early: the verdict may differ from the search's."""
_STILL = 0.01
"""The share of ε below which an image was not moved."""


def unspent(attacks: list[AttackEvidence]) -> list[str]:
    """What the row lacks because the attacks planned for it were not carried out, in words; empty where all were.

    As in planning, the set of allowed images counts for which the row has most.

    Args:
        attacks: The finished attacks of the row.
    """
    groups: dict[tuple[str, float], list[AttackEvidence]] = {}
    for attack in attacks:
        groups.setdefault(attack.facts.effort.allowed_set, []).append(attack)
    found = [_unspent(group) for group in groups.values()]
    return min(found, key=lambda f: (-f[0], len(f[1])), default=(0, []))[1]


def _unspent(attacks: list[AttackEvidence]) -> tuple[int, list[str]]:
    """(needs that some attack was planned for, what is lacking of them)."""
    reasons = {a.label: _reason(a) for a in attacks}
    needs: dict[str, list[str]] = {}
    for attack in attacks:
        for need in attack.facts.effort.met:
            needs.setdefault(need, []).append(attack.label)
    lacking = [
        f"{need} that was carried out ({'; '.join(f'{label}: {reasons[label]}' for label in labels)})"
        for need, labels in needs.items()
        if all(reasons[label] for label in labels)
    ]
    return len(needs), lacking


def _reason(attack: AttackEvidence) -> str:
    """Why the attack was none; empty where it was, or where no image stands."""
    effort, samples = attack.facts.effort, attack.samples
    standing = samples[samples["attacked"].astype(bool) & samples["robust"].astype(bool)]
    if not len(standing):
        return ""
    left = (standing["forwards"] < effort.forwards) | (standing["backwards"] < effort.backwards)
    if int(left.sum()) > max(1, len(standing) // _TOLERATED):
        least = f"{effort.forwards} forward and {effort.backwards} backward passes"
        return f"{int(left.sum())} of {len(standing)} standing images cost less than {least}"
    still = _STILL * attack.facts.epsilon.value
    if effort.moves and bool((standing[attack.facts.norm.value] < still).all()):
        return "no standing image was moved"
    return ""
