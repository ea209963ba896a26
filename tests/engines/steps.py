"""Steps that need no model: each runs a defense of somebody else, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from benchmark.core.defended import DefendedModel
from benchmark.steps.base import Result, Step
from benchmark.steps.context import StepContext
from defenses.base import Defense
from defenses.none import NoDefense


class Theirs(Defense):
    """Somebody else's."""

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class Others(Theirs):
    """Another's."""


@dataclass(frozen=True)
class Deed(Step):
    """Does something, and gives what that gives as its result.

    Args:
        name: Its label.
        do: What it does.
        defense: Whose code it runs.
        after: What it needs.
    """

    kind = "deed"

    name: str
    do: Callable[[StepContext], Any]
    defense: Defense = field(default_factory=NoDefense)
    after: tuple[Step, ...] = ()

    @property
    def label(self) -> str:
        return self.name

    @property
    def needs(self) -> tuple[Step, ...]:
        return self.after

    def settings(self) -> dict[str, Any]:
        return {"name": self.name}

    def run(self, context: StepContext) -> Result:
        given = self.do(context)
        return given if isinstance(given, Result) else Result({"given": given})
