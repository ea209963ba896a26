"""What a planned attack is, as plain facts."""

from __future__ import annotations

from benchmark.core.threat import Access, Norm
from benchmark.evaluation.required import served
from benchmark.records.attack_facts import AttackFacts, EffortFacts
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_cost import least_passes
from defenses.base import Defense


def attack_facts(step: AttackStep, defense: Defense) -> AttackFacts:
    """The facts of an attack on `defense`."""
    attack = step.attack
    return AttackFacts(
        label=step.name,
        method=attack.name,
        access=attack.access,
        norm=step.norm,
        epsilon=step.epsilon,
        allowed=attack.bound(step.norm, step.epsilon),
        # An objective without a name is the attack's own.
        objective=step.maximised.name or attack.name,
        gradient=step.gradient.name,
        sees_defense=step.gradient.sees_defense,
        follows_values=step.gradient.follows_values,
        queries_too=any(part.access is not attack.access for part in attack.parts()),
        goal=_goal(step),
        eot_samples=step.eot_samples,
        stop=step.stop.value,
        steps=_whole(attack.duration().steps),
        queries=_whole(attack.duration().queries),
        effort=_effort(step, defense),
    )


def _whole(count: object) -> int | None:
    """A count of another's plug-in, which may be something else than a number."""
    return count if type(count) is int else None


def _effort(step: AttackStep, defense: Defense) -> EffortFacts:
    attack = step.attack
    least = least_passes(attack, step.estimators(defense.surrogates), defense)
    serves = served(
        attack,
        defense,
        norm=step.norm,
        epsilon=step.epsilon,
        objective=step.objective,
        gradient=step.gradient,
    )
    return EffortFacts(
        stated=str(attack.effort(step.norm, step.epsilon.value)),
        shortfall=str(attack.shortfall(step.norm, step.epsilon.value)),
        serves={need: str(lack) for need, lack in serves.items()},
        allowed_set=_allowed_set(step),
        forwards=int(least.forwards),
        backwards=int(least.backwards),
        moves=attack.access is Access.GRADIENT and not attack.minimal and step.norm in (Norm.LINF, Norm.L2),
    )


def _allowed_set(step: AttackStep) -> tuple[str, float]:
    """The images that it may submit, and its goal; a rotation is no smooth flow, though both are spatial."""
    spatial = step.norm is Norm.SPATIAL
    family = step.attack.bound(step.norm, step.epsilon) if spatial else step.norm.value
    # What stays on the 8-bit grid looks at fewer images.
    return family + " on the grid" * step.on_grid + _goal(step), step.epsilon.value


def _goal(step: AttackStep) -> str:
    """What tells attacks of different goals apart; empty where any wrong class counts."""
    return "" if step.target is None else f" at {step.target}"
