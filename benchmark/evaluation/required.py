"""Which attacks a fair row needs, from what the defense says of itself, and which of them an attack is."""

from __future__ import annotations

from attacks.base import Attack
from attacks.effort import LEAST, LEAST_VALUES
from attacks.objectives.base import Need
from benchmark.core.threat import Access, Norm
from benchmark.steps.attack import AttackStep
from defenses.base import Defense

MINIMUM_EOT_SAMPLES = 20
BLACK_BOX = "a black-box attack"
EXACT = "the exact gradient through purification"


def required(defense: Defense) -> list[str]:
    """What a fair row of `defense` needs, in words.

    Every row: an iterative white-box attack on cross-entropy and one on the margin or DLR (cross-entropy saturates),
    and a black-box attack (it shows masked gradients). A randomized defense: those gradients averaged over at least 20
    draws. A purifier with a gradient, also one that takes gradients itself: the exact one, because BPDA overestimates
    robustness.
    """
    needs = [_white_box(kind, defense) for kind in Need] + [BLACK_BOX]
    if defense.purifier and (defense.differentiable or defense.gradient_at_inference):
        needs.append(EXACT)
    return needs


def missing_attacks(defense: Defense, attacks: list[AttackStep]) -> list[str]:
    """What the row lacks, in words, with the attacks that would do but for their effort; empty when it is complete.

    All attacks at one norm and ε, since attacks on different sets of images do not complete each other; where several
    sets are attacked, the one that lacks least counts.
    """
    groups: dict[tuple[str, float], list[AttackStep]] = {}
    for attack in attacks:
        groups.setdefault(perturbation_set(attack), []).append(attack)
    return min((_missing(defense, group) for group in groups.values() or [[]]), key=len)


def perturbation_set(step: AttackStep) -> tuple[str, float]:
    """The images that an attack may submit, and its goal; a rotation is no smooth flow, though both are spatial."""
    spatial = step.norm is Norm.SPATIAL
    family = step.attack.bound(step.norm, step.epsilon) if spatial else step.norm.value
    # What stays on the 8-bit grid looks at fewer images.
    return family + " on the grid" * step.on_grid + goal_of(step), step.epsilon.value


def goal_of(step: AttackStep) -> str:
    """What tells attacks of different goals apart; empty where any wrong class counts."""
    return "" if step.target is None else f" at {step.target}"


def served(step: AttackStep, defense: Defense) -> dict[str, str]:
    """The needs of a row that an attack is made for, each with what its settings lack of it: "" where nothing."""
    found: dict[str, str] = {}
    for part in step.attack.parts():
        for need, lack in _served_by(part, step, defense):
            if found.get(need, "-"):
                found[need] = lack
    needs = required(defense)
    return {need: lack for need, lack in found.items() if need in needs}


def _missing(defense: Defense, attacks: list[AttackStep]) -> list[str]:
    missing = []
    for need in required(defense):
        lacks = [(a.name, served(a, defense)[need]) for a in attacks if need in served(a, defense)]
        if all(lack for _, lack in lacks):
            close = "; ".join(f"{name}: {lack}" for name, lack in lacks)
            missing.append(f"{need} ({close})" if close else need)
    return missing


def _served_by(part: Attack, step: AttackStep, defense: Defense) -> list[tuple[str, str]]:
    epsilon = step.epsilon.value
    lack = part.shortfall(step.norm, epsilon)
    # What the attack asks of itself may be more than this, never less.
    lack = lack or part.effort(step.norm, epsilon).short_of(LEAST[part.access])
    if part.access in (Access.SCORES, Access.DECISIONS):
        return [(BLACK_BOX, lack)]
    if part.access is not Access.GRADIENT or not step.gradient.sees_defense:
        return []
    if step.gradient.follows_values:
        values = step.gradient.values * part.effort(step.norm, epsilon).gradients
        return [(BLACK_BOX, lack or f"{LEAST_VALUES} values at least" * (values < LEAST_VALUES))]
    if step.gradient.surrogate and len(defense.surrogates) > 1:
        # One surrogate of several is not the attack that ranks.
        return []
    if defense.randomized and step.eot_samples < MINIMUM_EOT_SAMPLES:
        lack = lack or f"{MINIMUM_EOT_SAMPLES} EOT samples at least"
    kind = (step.objective or part.default_objective()).serves
    serves = [] if kind is None else [(_white_box(kind, defense), lack)]
    if step.gradient.exact:
        serves.append((EXACT, lack))
    return serves


def _white_box(kind: Need, defense: Defense) -> str:
    draws = f" and {MINIMUM_EOT_SAMPLES} EOT samples" * bool(defense.randomized)
    through = " through every surrogate" * (len(defense.surrogates) > 1)
    return f"a white-box attack on {kind} of at least {LEAST[Access.GRADIENT].steps} steps{draws}{through}"
