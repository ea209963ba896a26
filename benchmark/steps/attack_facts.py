"""What a planned attack is, as plain facts."""

from __future__ import annotations

from attacks.base import Attack
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
        objective=step.objective.name if step.objective else attack.default_objective().name,
        gradient=step.gradient.name,
        eot_samples=step.eot_samples,
        stop=step.stop.value,
        steps=_count(attack, "steps"),
        queries=_count(attack, "queries"),
        effort=_effort(step, defense),
    )


def _count(attack: Attack, setting: str) -> int | None:
    """A setting that another's plug-in may have for something else than a number."""
    value = getattr(attack, setting, None)
    return value if type(value) is int else None


def _effort(step: AttackStep, defense: Defense) -> EffortFacts:
    attack = step.attack
    least = least_passes(attack, step.estimators(defense.surrogates), defense)
    serves = served(
        attack,
        defense,
        norm=step.norm,
        epsilon=step.epsilon,
        objective=step.objective.name if step.objective else None,
        gradient=step.gradient,
        eot_samples=step.eot_samples,
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
    """The images that it may submit; a rotation is no smooth flow, though both are spatial."""
    spatial = step.norm is Norm.SPATIAL
    family = step.attack.bound(step.norm, step.epsilon) if spatial else step.norm.value
    # What stays on the 8-bit grid looks at fewer images.
    return family + " on the grid" * step.on_grid, step.epsilon.value
