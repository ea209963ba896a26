"""Which attacks a fair row needs, from what the defense says of itself."""

from __future__ import annotations

from benchmark.steps.attack import AttackStep
from benchmark.threat import Access
from defenses.base import Defense

MINIMUM_STEPS = 10
MINIMUM_EOT_SAMPLES = 20


def missing_attacks(defense: Defense, attacks: list[AttackStep]) -> list[str]:
    """What the row lacks, in words; empty when it is complete.

    Every row: an iterative white-box attack on cross-entropy and one on the margin (cross-entropy saturates), and a
    black-box attack (it shows masked gradients). A randomized defense: those gradients averaged over at least 20 draws.
    A purifier that is not differentiated exactly: the exact gradient too, because BPDA overestimates robustness.
    """
    informed = [a for a in attacks if a.attack.access is Access.GRADIENT and a.gradient != "undefended"]
    strong = [a for a in informed if getattr(a.attack, "steps", 0) >= MINIMUM_STEPS]
    if defense.randomized:
        strong = [a for a in strong if a.eot_samples >= MINIMUM_EOT_SAMPLES]
    kinds = {_objective(a) for a in strong}
    effort = f"of at least {MINIMUM_STEPS} steps"
    if defense.randomized:
        effort += f" and {MINIMUM_EOT_SAMPLES} EOT samples"
    missing = []
    if "cross-entropy" not in kinds:
        missing.append(f"a white-box attack on cross-entropy {effort}")
    if "margin" not in kinds:
        missing.append(f"a white-box attack on the margin {effort}")
    if not any(a.attack.access in (Access.SCORES, Access.DECISIONS) for a in attacks):
        missing.append("a black-box attack")
    if defense.purifier and defense.gradient_at_inference and not any(a.gradient == "autograd" for a in strong):
        missing.append("the exact gradient through purification")
    return missing


def _objective(step: AttackStep) -> str:
    return step.objective.name if step.objective else step.attack.default_objective().name
