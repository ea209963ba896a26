"""What records say of an attack, made by hand."""

from __future__ import annotations

from typing import Any

from benchmark.core.threat import Access, Epsilon, Goal, Norm, ThreatModel
from benchmark.records.attack_facts import AttackFacts, EffortFacts

THREAT = ThreatModel(
    norm=Norm.LINF,
    epsilon=Epsilon.parse("8/255"),
    access=Access.GRADIENT,
    goal=Goal.UNTARGETED,
    resolution=(8, 8),
    classes=2,
    budget="10 steps",
)
FACTS = AttackFacts(
    label="pgd",
    method="pgd",
    access=Access.GRADIENT,
    norm=Norm.LINF,
    epsilon=Epsilon.parse("8/255"),
    allowed="L∞ ε = 8/255",
    objective="cross-entropy",
    gradient="autograd",
    sees_defense=True,
    follows_values=False,
    queries_too=False,
    goal="",
    eot_samples=1,
    stop="first-success",
    steps=10,
    queries=None,
    effort=EffortFacts(
        stated="10 steps",
        shortfall="",
        serves={},
        allowed_set=("linf", 8 / 255),
        forwards=0,
        backwards=0,
        moves=False,
    ),
)


def facts(*, effort: dict[str, Any] | None = None, **changed: Any) -> AttackFacts:
    """Those of PGD, but for what is given; an ε may be written as in a suite."""
    if "epsilon" in changed:
        changed["epsilon"] = Epsilon.parse(changed["epsilon"])
    if effort is not None:
        changed["effort"] = EffortFacts(**{**FACTS.effort.model_dump(), **effort})
    return AttackFacts.model_validate({**dict(FACTS), **changed}, strict=False)
