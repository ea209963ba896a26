"""One attack on one defense: what it needs, whether it makes sense, and the threat model it states."""

from __future__ import annotations

from dataclasses import replace

from attacks.base import Attack, Stop
from attacks.composing import GradientChoice, ObjectiveChoice
from attacks.gradients.zeroth_order import ZerothOrder
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.settings import Length, hints, refuse_overlong
from benchmark.core.threat import Access, DetectorKnowledge, Goal, Norm, ThreatModel
from benchmark.planning.bounds import perturbation_bound
from benchmark.planning.context import Context, chosen
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
    stop: Stop,
) -> tuple[AttackStep | None, str]:
    """(the step, ""), or (None, the reason why this attack and this defense do not pair).

    Args:
        context: The suite and the data.
        name: Name of the section, for messages.
        label: The attack's label in it.
        table, section: The tables themselves.
        defense, clean: The defense, and its clean decisions.
        stop: When an attack on an image ends.

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
    if table.on_grid:
        _check_grid(norm, table, f"{where}.on_grid")
    written, key = (section.epsilon, name) if table.epsilon is None else (table.epsilon, f"{name}.attack.{label}")
    shape = context.data.train.shape
    epsilon = perturbation_bound(written, norm, shape, where=f"{context.where}: {key}.epsilon")
    for setting, hint in hints(type(attack).__init__).items():
        if hint in (Length, Length | None):
            refuse_overlong(getattr(attack, setting), epsilon, where=f"{where}.{setting}")
    objective = _objective(table)
    if objective is not None:
        _check_objective(context, attack, objective, f"{where}.objective")
    if detector_aware(attack, objective) and stop is not Stop.NEVER:
        raise UserError(
            "the attack is aimed at a detector, and this table has none",
            where=f"{where}.objective" if objective else where,
            remedy="move the attack to [detection.attack.…]",
        )
    gradient = _gradient(table, defense, f"{where}.gradient")
    _check_surrogate(context, gradient, f"{where}.gradient")
    if not chosen(clean.fit.name, table.defenses):
        return None, "not in this attack's list of defenses"
    reason = _without_sense(gradient, defense)
    if reason:
        return None, reason
    sampled = defense.randomized and attack.access is Access.GRADIENT and gradient.name != "undefended"
    if table.eot_samples == "auto":
        draws = section.eot_samples if sampled and isinstance(section, RobustnessTable) else 1
    elif table.eot_samples > 1 and not sampled:
        return None, "there are no random draws to average over"
    else:
        draws = table.eot_samples
    needs_features = (objective.kind(where=where) if objective else attack.default_objective()).needs_features
    proxies = tuple(replace(clean.fit.train, seed=context.seed_after(1 + i)) for i in range(attack.proxies))
    step = AttackStep(
        clean=clean,
        name=label,
        attack=attack,
        norm=norm,
        epsilon=epsilon,
        objective=objective,
        gradient=gradient,
        eot_samples=draws,
        stop=stop,
        features=context.features(clean) if needs_features else None,
        proxies=proxies,
        replicates=context.suite.evaluation.replicates,
        seed=context.seed,
        on_grid=table.on_grid,
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
        goal=Goal.TARGETED if step.stop is Stop.NEVER else Goal.UNTARGETED,
        resolution=context.data.evaluation.shape[1:],
        classes=len(context.data.classes),
        budget=budget,
        bound=step.attack.bound(step.norm, step.epsilon) + (" on the 8-bit grid" if step.on_grid else ""),
        knows_defense=step.gradient.name != "undefended",
        randomized=defense.randomized,
        detector=detector,
    )


def detector_aware(attack: Attack, objective: ObjectiveChoice | None) -> bool:
    """Whether the attack is meant to deceive a detector."""
    return (objective.kind(where="") if objective else attack.default_objective()).detector_aware


def _check_grid(norm: Norm, table: AttackTable, where: str) -> None:
    if norm is Norm.SPATIAL:
        raise UserError("a spatial attack cannot stay on the 8-bit grid", where=where, remedy="remove the key")
    gradient = table.gradient if isinstance(table.gradient, str) else table.gradient.name
    if gradient == ZerothOrder.name:
        raise UserError(
            "differences of values are taken between the steps of the 8-bit grid",
            where=where,
            remedy="use attack nes, which asks about rounded images",
        )


def _objective(table: AttackTable) -> ObjectiveChoice | None:
    if table.objective is None:
        return None
    if isinstance(table.objective, str):
        return ObjectiveChoice(table.objective)
    return ObjectiveChoice(table.objective.name, table.objective.settings)


def _check_objective(context: Context, attack: Attack, objective: ObjectiveChoice, where: str) -> None:
    kind = objective.kind(where=where)
    if attack.access is not Access.GRADIENT:
        raise UserError(
            f"attack {attack.name!r} takes no objective: it only queries scores", where=where, remedy="remove the key"
        )
    if not attack.takes_objective:
        raise UserError(
            f"attack {attack.name!r} takes no objective: its method is made for one",
            where=where,
            remedy="remove the key",
        )
    if attack.default_objective().detector_aware:
        raise UserError(
            f"attack {attack.name!r} is its objective: with another it would be plain BIM",
            where=where,
            remedy="remove the key, or name another attack as method",
        )
    if kind.minimum_classes > len(context.data.classes):
        raise UserError(
            f"objective {objective.name!r} needs {kind.minimum_classes} classes, "
            f"the data has {len(context.data.classes)}",
            where=where,
            remedy='use "margin"',
        )


def _gradient(table: AttackTable, defense: Defense, where: str) -> GradientChoice:
    """The estimator asked for; "auto" follows the defense."""
    if isinstance(table.gradient, str):
        name, settings = table.gradient, {}
    else:
        name, settings = table.gradient.name, table.gradient.settings
    if name == "auto":
        name = "autograd" if defense.differentiable else "bpda"
    choice = GradientChoice(name, settings)
    choice.check(where=where)
    return choice


def _check_surrogate(context: Context, gradient: GradientChoice, where: str) -> None:
    enabled = [context.defense(label, table) for label, table in context.suite.defense.items() if table.enabled]
    known = sorted({name for defense in enabled for name in defense.surrogates})
    if gradient.surrogate and gradient.surrogate not in known:
        raise UserError(
            f"no defense of the suite offers a surrogate {gradient.surrogate!r}",
            where=where,
            remedy=did_you_mean(gradient.surrogate, known),
        )


def _without_sense(choice: GradientChoice, defense: Defense) -> str:
    """Why the estimator has no use on this defense; empty where it has one."""
    gradient = choice.name
    if choice.surrogate and choice.surrogate not in defense.surrogates:
        return f"the defense offers no surrogate {choice.surrogate!r}; it has: {', '.join(defense.surrogates)}"
    if gradient == "autograd" and not defense.differentiable:
        return "the defense has no gradient; bpda replaces it"
    if gradient == "exact" and not defense.exact_gradient:
        return "autograd is exact already" if defense.differentiable else "the defense offers no exact gradient"
    if gradient in ("bpda", "undefended") and not defense.purifier:
        return "there is no purifier to step around"
    return ""
