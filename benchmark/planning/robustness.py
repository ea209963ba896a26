"""The cells of the robustness table."""

from __future__ import annotations

from attacks.gradients.automatic import automatic
from benchmark.core.threat import Access, Epsilon
from benchmark.evaluation.flags.probe import TRIED
from benchmark.planning.bounds import perturbation_bound
from benchmark.planning.composing import sees_defense
from benchmark.planning.context import Context, chosen
from benchmark.planning.labels import DIAGNOSIS, PROBE
from benchmark.planning.pairing import attack_step, threat_model
from benchmark.planning.plan import Cell
from benchmark.steps.clean import CleanStep
from benchmark.steps.diagnose import DiagnoseStep, has_curvature
from benchmark.steps.probe import ProbeStep
from benchmark.suites.suite import DefenseTable, RobustnessTable
from defenses.base import Defense

_PROBE_STEPS = 100


def robustness_cells(context: Context, table: RobustnessTable, defense: Defense, clean: CleanStep) -> list[Cell]:
    """A cell for every attack on a defended model.

    Raises:
        UserError: The bound makes no sense.
    """
    _bound(context, table)
    cells = []
    for label, attack in context.attacks(table.attack):
        step, reason = attack_step(context, "robustness", label, attack, table, defense, clean)
        threat = threat_model(context, step, defense, "none") if step else None
        cells.append(Cell("robustness", clean.fit.name, label, "none", step, reason, threat))
    return cells


def probe_cell(
    context: Context, table: RobustnessTable, own: DefenseTable, defense: Defense, clean: CleanStep
) -> Cell | None:
    """The cell that measures the flags of a row on some of its images; None where the suite wants none measured."""
    label = clean.fit.name
    images = table.probes if own.probes is None else own.probes
    if not images:
        return None
    if table.norm not in TRIED.norms:
        reason = f"{TRIED.name.upper()}, which the flags try, cannot respect {table.norm.symbol}"
        return Cell(PROBE, label, PROBE, "none", None, reason)
    draws = own.probe_eot_samples or table.probe_eot_samples or table.eot_samples
    return Cell(PROBE, label, PROBE, "none", _measuring(ProbeStep, context, table, defense, clean, images, draws))


def diagnosis_cell(context: Context, table: RobustnessTable, defense: Defense, clean: CleanStep) -> Cell | None:
    """The cell that measures what the row must be read with; None where there is nothing of the kind."""
    if table.norm not in TRIED.norms or not table.diagnoses or not (defense.randomized or has_curvature(defense)):
        return None
    step = _measuring(DiagnoseStep, context, table, defense, clean, table.diagnoses, table.eot_samples)
    return Cell(DIAGNOSIS, clean.fit.name, DIAGNOSIS, "none", step)


def _measuring(
    kind: type[ProbeStep],
    context: Context,
    table: RobustnessTable,
    defense: Defense,
    clean: CleanStep,
    images: int,
    draws: int,
) -> ProbeStep:
    return kind(
        clean=clean,
        norm=table.norm,
        epsilon=_bound(context, table),
        gradient=automatic(defense.traits())(draws=draws if defense.randomized else 1),
        steps=_longest_search(context, table, clean.fit.name),
        images=images,
        seed=context.seed,
    )


def _longest_search(context: Context, table: RobustnessTable, defense: str) -> int:
    """Steps of the longest white-box attack that the suite has for a defense, whichever are run this time."""
    found = []
    for label, attack in table.attack.items():
        if attack.enabled and sees_defense(attack) and chosen(defense, attack.defenses):
            plugin = context.attack(label, attack, "robustness")
            steps = plugin.duration().steps
            alone = plugin.access is Access.GRADIENT and not plugin.minimal and len(plugin.parts()) == 1
            if alone and steps is not None:
                found.append(min(steps, _PROBE_STEPS))
    return max(found, default=_PROBE_STEPS // 2)


def _bound(context: Context, table: RobustnessTable) -> Epsilon:
    where = f"{context.where}: robustness.epsilon"
    return perturbation_bound(table.epsilon, table.norm, context.data.train.shape, where=where)
