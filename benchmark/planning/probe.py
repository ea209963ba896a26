"""The cells that measure the flags of a row."""

from __future__ import annotations

from typing import TypeVar

from attacks.gradients.automatic import automatic
from benchmark.core.threat import Access
from benchmark.evaluation.flags.probe import TRIED
from benchmark.planning.composing import evaluated, sees_defense
from benchmark.planning.context import chosen
from benchmark.planning.labels import PROBE
from benchmark.planning.plan import Cell
from benchmark.planning.robustness import OfRobustness
from benchmark.planning.table_planner import PlannedDefense
from benchmark.steps.probe import ProbeStep

_MOST_STEPS = 100

P = TypeVar("P", bound=ProbeStep)


class Measuring(OfRobustness):
    """A planner of steps that show a few images to a row's model."""

    def measuring(self, kind: type[P], planned: PlannedDefense, images: int, draws: int) -> P:
        """The step on `images`, whose own attacks average over `draws` where the defense is randomized."""
        defense = planned.defense
        return kind(
            clean=evaluated(self.context, planned.fit),
            norm=self.table.norm,
            epsilon=self.bound(),
            gradient=automatic(defense.traits())(draws=draws if defense.randomized else 1),
            steps=self._longest_search(planned.fit.name),
            images=images,
            seed=self.context.seed,
        )

    def _longest_search(self, defense: str) -> int:
        """Steps of the longest white-box attack that the suite has for a defense, whichever are run this time."""
        found = []
        for label, attack in self.table.attack.items():
            if attack.enabled and sees_defense(attack) and chosen(defense, attack.defenses):
                plugin = self.context.attack(label, attack, "robustness")
                steps = plugin.duration().steps
                alone = plugin.access is Access.GRADIENT and not plugin.minimal and len(plugin.parts()) == 1
                if alone and steps is not None:
                    found.append(min(steps, _MOST_STEPS))
        return max(found, default=_MOST_STEPS // 2)


class ProbePlanner(Measuring):
    """A cell for every defense, unless the suite wants no flag measured."""

    def attacks(self) -> list[str]:
        return [PROBE] * bool(self.table.probes)

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        label, own, table = planned.fit.name, planned.own, self.table
        images = table.probes if own.probes is None else own.probes
        if not images or not chosen(PROBE, self.context.selection.attacks):
            return []
        if table.norm not in TRIED.norms:
            reason = f"{TRIED.name.upper()}, which the flags try, cannot respect {table.norm.symbol}"
            return [Cell(PROBE, label, PROBE, "none", None, reason)]
        draws = own.probe_eot_samples or table.probe_eot_samples or table.eot_samples
        return [Cell(PROBE, label, PROBE, "none", self.measuring(ProbeStep, planned, images, draws))]
