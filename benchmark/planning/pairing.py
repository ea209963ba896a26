"""One attack on one defense: what it needs, whether it makes sense, and the threat model it states."""

from __future__ import annotations

from attacks.base import Stop
from attacks.objectives.target import Target
from benchmark.core.bounds import perturbation_bound
from benchmark.core.errors import UserError
from benchmark.core.settings import Length, hints, refuse_overlong
from benchmark.core.threat import Access, DetectorKnowledge, Goal, ThreatModel
from benchmark.planning.composing import check_grid, gradient_of, objective_of, target_in_words, target_of
from benchmark.planning.context import Context, chosen
from benchmark.planning.statements import check_effort_statements
from benchmark.steps.attack import AttackStep
from benchmark.steps.clean import CleanStep
from benchmark.suites.suite import AttackTable, DetectionTable, RobustnessTable
from defenses.base import Defense


def attack_step(
    context: Context,
    name: str,
    label: str,
    table: AttackTable,
    section: RobustnessTable | DetectionTable,
    defense: Defense,
    clean: CleanStep,
) -> tuple[AttackStep | None, str]:
    """(the step, ""), or (None, the reason why this attack and this defense do not pair).

    Args:
        context: The suite and the data.
        name: Name of the section, for messages.
        label: The attack's label in it.
        table, section: The tables themselves.
        defense, clean: The defense, and its clean decisions.

    Raises:
        UserError: The table asks for what this attack cannot do, whatever the defense.
    """
    where = f"{context.where}: {name}.attack.{label}"
    attack = context.attack(label, table, name)
    norm = table.norm or section.norm
    if norm not in attack.norms:
        raise UserError(
            f"attack {attack.name!r} cannot respect {norm.symbol}",
            where=f"{where}.norm",
            remedy=f"use {' or '.join(sorted(attack.norms))}, or another attack",
        )
    gradient = gradient_of(context, table, defense, f"{where}.gradient")
    if table.on_grid:
        check_grid(norm, gradient, f"{where}.on_grid")
    written, key = (section.epsilon, name) if table.epsilon is None else (table.epsilon, f"{name}.attack.{label}")
    shape = context.data.train.shape
    epsilon = perturbation_bound(written, norm, shape, where=f"{context.where}: {key}.epsilon")
    check_effort_statements(attack, norm, epsilon, where=where)
    for setting, hint in hints(type(attack).__init__).items():
        if hint in (Length, Length | None):
            refuse_overlong(getattr(attack, setting), epsilon, where=f"{where}.{setting}")
    for_detection = isinstance(section, DetectionTable)
    target = Target() if isinstance(section, DetectionTable) else target_of(context, attack, table, section, where)
    objective = objective_of(context, attack, table, f"{where}.objective", targeted=target is not None)
    if objective.detector_aware and not for_detection:
        raise UserError(
            "the attack is aimed at a detector, and this table has none",
            where=f"{where}.objective" if table.objective else where,
            remedy="move the attack to [detection.attack.…]",
        )
    if not chosen(clean.fit.name, table.defenses):
        return None, "not in this attack's list of defenses"
    reason = gradient.without_use(defense.traits())
    if reason:
        return None, reason
    sampled = defense.randomized and attack.access is Access.GRADIENT and gradient.sees_defense
    if table.eot_samples == "auto":
        draws = section.eot_samples if sampled and isinstance(section, RobustnessTable) else 1
    elif table.eot_samples > 1 and not sampled:
        return None, "there are no random draws to average over"
    else:
        draws = table.eot_samples
    proxies = tuple(clean.fit.train.proxy(context.seed_after(1 + i)) for i in range(attack.proxies))
    step = AttackStep(
        clean=clean,
        name=label,
        attack=attack,
        norm=norm,
        epsilon=epsilon,
        objective=objective if table.objective else None,
        gradient=gradient.averaging(draws),
        stop=Stop.NEVER if for_detection else Stop.FIRST_SUCCESS,
        features=context.features(clean) if objective.needs_features else None,
        proxies=proxies,
        replicates=context.suite.evaluation.replicates,
        seed=context.seed,
        on_grid=table.on_grid,
        target=target,
        for_detection=for_detection,
    )
    return step, ""


def threat_model(context: Context, step: AttackStep, defense: Defense, detector: DetectorKnowledge) -> ThreatModel:
    """What the attack assumes."""
    budget = step.attack.budget()
    if step.eot_samples > 1:
        budget += f", {step.eot_samples} EOT samples"
    if step.attack.access is Access.GRADIENT:
        estimators = step.estimators(defense.surrogates)
        through = ", ".join(defense.surrogates)
        budget += f", gradient by BPDA through each of: {through}" if len(estimators) > 1 else estimators[0].budget()
    return ThreatModel(
        norm=step.norm,
        epsilon=step.epsilon,
        access=step.attack.access,
        goal=Goal.UNTARGETED if step.target is None else Goal.TARGETED,
        target="" if step.target is None or step.for_detection else target_in_words(context, step.target),
        resolution=context.data.evaluation.shape[1:],
        classes=len(context.data.classes),
        budget=budget,
        bound=step.attack.bound(step.norm, step.epsilon) + (" on the 8-bit grid" if step.on_grid else ""),
        knows_defense=step.gradient.sees_defense,
        randomized=defense.randomized,
        detector=detector,
    )
