"""Which attacks a fair row needs, from what the defense says of itself."""

from __future__ import annotations

from attacks.composing import ESTIMATORS
from attacks.standard_v1 import StandardV1
from benchmark.steps.attack import AttackStep
from benchmark.threat import Access, Norm
from defenses.base import Defense

MINIMUM_STEPS = 10
MINIMUM_EOT_SAMPLES = 20


def missing_attacks(defense: Defense, attacks: list[AttackStep]) -> list[str]:
    """What the row lacks, in words; empty when it is complete.

    Every row: an iterative white-box attack on cross-entropy and one on the margin or DLR (cross-entropy saturates),
    and a black-box attack (it shows masked gradients). A randomized defense: those gradients averaged over at least 20
    draws. A purifier with a gradient, also one that takes gradients itself: the exact one, because BPDA overestimates
    robustness. All of them at one norm and ε, since attacks on different sets of images do not complete each other;
    where several sets are attacked, the one that lacks least counts.
    """
    groups: dict[tuple[str, float], list[AttackStep]] = {}
    for attack in attacks:
        # A rotation is no smooth flow, though both are spatial.
        spatial = attack.norm is Norm.SPATIAL
        family = attack.attack.bound(attack.norm, attack.epsilon) if spatial else attack.norm.value
        # What stays on the 8-bit grid looks at fewer images.
        groups.setdefault((family + " on the grid" * attack.on_grid, attack.epsilon.value), []).append(attack)
    return min((_missing(defense, group) for group in groups.values() or [[]]), key=len)


def _missing(defense: Defense, attacks: list[AttackStep]) -> list[str]:
    blind = ("undefended", "zeroth-order")
    informed = [a for a in attacks if a.attack.access is Access.GRADIENT and a.gradient.name not in blind]
    # One surrogate of several is not the attack that ranks.
    informed = [a for a in informed if not a.gradient.surrogate or len(defense.surrogates) == 1]
    strong = [a for a in informed if getattr(a.attack, "steps", 0) >= MINIMUM_STEPS]
    if defense.randomized:
        strong = [a for a in strong if a.eot_samples >= MINIMUM_EOT_SAMPLES]
    kinds = {kind for a in strong for kind in _objectives(a)}
    effort = f"of at least {MINIMUM_STEPS} steps"
    if defense.randomized:
        effort += f" and {MINIMUM_EOT_SAMPLES} EOT samples"
    if len(defense.surrogates) > 1:
        effort += " through every surrogate"
    missing = []
    if "cross-entropy" not in kinds:
        missing.append(f"a white-box attack on cross-entropy {effort}")
    if not kinds & {"margin", "dlr"}:
        missing.append(f"a white-box attack on the margin {effort}")
    if not any(_queries(a) for a in attacks):
        missing.append("a black-box attack")
    gradient = defense.differentiable or defense.gradient_at_inference
    if defense.purifier and gradient and not any(ESTIMATORS[a.gradient.name].exact for a in strong):
        missing.append("the exact gradient through purification")
    return missing


def _objectives(step: AttackStep) -> tuple[str, ...]:
    if isinstance(step.attack, StandardV1):
        return "cross-entropy", "margin"
    return ((step.objective or step.attack.default_objective()).name,)


def _queries(step: AttackStep) -> bool:
    asks = step.attack.access in (Access.SCORES, Access.DECISIONS) or step.gradient.name == "zeroth-order"
    return asks or isinstance(step.attack, StandardV1)
