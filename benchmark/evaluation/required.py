"""Which attacks a fair row needs, from what the defense says of itself, and which of them an attack is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attacks.base import Attack
from attacks.effort import LEAST, LEAST_VALUES
from attacks.gradients.base import GradientEstimator
from attacks.objectives.base import Need, Objective
from benchmark.core.threat import Access, Epsilon, Norm
from benchmark.evaluation.completing import BLACK_BOX, EXACT, LOW_FREQUENCY, MINIMUM_EOT_SAMPLES, WHITE_BOX
from benchmark.records.attack_facts import AttackFacts
from defenses.base import Defense


def required(defense: Defense, *, votes: bool = False) -> list[str]:
    """What a fair row of `defense` needs, in words.

    Every row: an iterative white-box attack on cross-entropy and one on the margin or DLR (cross-entropy saturates),
    and a black-box attack (it shows masked gradients). A randomized defense: those gradients averaged over at least 20
    draws. A purifier with a gradient, also one that offers it apart or takes gradients itself: the exact one, because
    BPDA overestimates robustness. A randomized purifier whose answer is the vote of its draws: a low-frequency attack,
    to which such votes fall where they hold against others (Kassis et al. 2025).

    Args:
        defense: Whose row it is.
        votes: Whether its model was seen to decide by majority vote.
    """
    needs = [_white_box(kind, defense) for kind in Need] + [BLACK_BOX]
    if defense.purifier and (defense.differentiable or defense.exact_gradient or defense.gradient_at_inference):
        needs.append(EXACT)
    if votes and may_vote(defense):
        needs.append(LOW_FREQUENCY)
    return needs


def may_vote(defense: Defense) -> bool:
    """Whether there are purified draws of which a majority could decide."""
    return defense.purifier and defense.randomized


def missing_attacks(needs: Sequence[str], attacks: Iterable[AttackFacts]) -> list[str]:
    """What the row lacks of `needs`, with the attacks that would do but for their effort; empty when it is complete.

    All attacks at one norm and ε, since attacks on different sets of images do not complete each other; where several
    sets are attacked, the one that lacks least counts.
    """
    groups: dict[tuple[str, float], list[AttackFacts]] = {}
    for attack in attacks:
        groups.setdefault(attack.effort.allowed_set, []).append(attack)
    return min((_missing(needs, group) for group in groups.values() or [[]]), key=len)


def served(
    attack: Attack,
    defense: Defense,
    *,
    norm: Norm,
    epsilon: Epsilon,
    objective: Objective | None,
    gradient: GradientEstimator,
) -> dict[str, str]:
    """The needs of a row that an attack is made for, each with what its settings lack of it: "" where nothing.

    Args:
        attack: The attack.
        defense: Whose row it is.
        norm, epsilon: The perturbation it may use.
        objective: What it maximises; None for its own.
        gradient: How it differentiates through the defense, and over how many draws.
    """
    found: dict[str, str] = {}
    for part in attack.parts():
        lack = part.shortfall(norm, epsilon.value)
        # What the attack asks of itself may be more than this, never less.
        lack = lack or part.effort(norm, epsilon.value).short_of(LEAST[part.access])
        if part.access in (Access.SCORES, Access.DECISIONS):
            serves = [(BLACK_BOX, lack)]
        elif part.access is not Access.GRADIENT or not gradient.sees_defense:
            continue
        elif part.low_frequency:
            serves = _by_low_frequencies(defense, gradient, lack)
        elif gradient.follows_values:
            values = gradient.values * part.effort(norm, epsilon.value).gradients
            serves = [(BLACK_BOX, lack or f"{LEAST_VALUES} values at least" * (values < LEAST_VALUES))]
        else:
            serves = _by_gradient(objective or part.default_objective(), defense, gradient, lack)
        for need, lacking in serves:
            if found.get(need, "-"):
                found[need] = lacking
    needs = required(defense, votes=True)
    return {need: lack for need, lack in found.items() if need in needs}


def _missing(needs: Sequence[str], attacks: list[AttackFacts]) -> list[str]:
    missing = []
    for need in needs:
        lacks = [(a.label, a.effort.serves[need]) for a in attacks if need in a.effort.serves]
        if all(lack for _, lack in lacks):
            close = "; ".join(f"{label}: {lack}" for label, lack in lacks)
            missing.append(f"{need} ({close})" if close else need)
    return missing


def _by_gradient(
    objective: Objective, defense: Defense, gradient: GradientEstimator, lack: str
) -> list[tuple[str, str]]:
    if _one_of_several(gradient, defense):
        return []
    lack = lack or _few_draws(gradient, defense)
    kind = objective.serves
    serves = [] if kind is None else [(_white_box(kind, defense), lack)]
    if gradient.exact:
        serves.append((EXACT, lack))
    return serves


def _by_low_frequencies(defense: Defense, gradient: GradientEstimator, lack: str) -> list[tuple[str, str]]:
    if _one_of_several(gradient, defense) or gradient.follows_values:
        return []
    return [(LOW_FREQUENCY, lack or _few_draws(gradient, defense))]


def _one_of_several(gradient: GradientEstimator, defense: Defense) -> bool:
    """One surrogate of several is not the attack that ranks."""
    return bool(gradient.surrogate) and len(defense.surrogates) > 1


def _few_draws(gradient: GradientEstimator, defense: Defense) -> str:
    few = defense.randomized and gradient.draws < MINIMUM_EOT_SAMPLES
    return f"{MINIMUM_EOT_SAMPLES} EOT samples at least" * few


def _white_box(kind: Need, defense: Defense) -> str:
    draws = f" and {MINIMUM_EOT_SAMPLES} EOT samples" * bool(defense.randomized)
    through = " through every surrogate" * (len(defense.surrogates) > 1)
    return f"{WHITE_BOX} {kind} of at least {LEAST[Access.GRADIENT].steps} steps{draws}{through}"
