"""What plans the cells of one table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from benchmark.planning.context import Context
from benchmark.planning.plan import Cell
from benchmark.steps.fit import FitStep
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import DefenseTable
from defenses.base import Defense


@dataclass(frozen=True)
class PlannedDefense:
    """A defense that the command line chose.

    Attributes:
        own: Its table in the suite.
        defense: The defense.
        fit: It in front of the suite's classifier.
    """

    own: DefenseTable
    defense: Defense
    fit: FitStep


class TablePlanner(ABC):
    """The cells of one table, defense by defense or all at once; either may be left out."""

    @classmethod
    @abstractmethod
    def of(cls, context: Context, train: TrainStep) -> Self | None:
        """The planner of a suite, whose classifier is `train`; None where the suite has no such table."""

    def attacks(self) -> list[str]:
        """Labels of the table that `--attack` may name."""
        return []

    def targets(self) -> list[str]:
        """Labels that `--defense` may name, beside those of the suite's defenses."""
        return []

    def of_defense(self, planned: PlannedDefense) -> list[Cell]:
        """The cells of a defense."""
        del planned
        return []

    def of_all(self, defenses: dict[str, Defense]) -> list[Cell]:
        """The cells that are no defense's own, from the chosen defenses by label."""
        del defenses
        return []
