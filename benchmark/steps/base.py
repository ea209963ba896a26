"""A step: a computation named by the hash of everything that determines it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from benchmark import __version__
from benchmark.core.defended import Passes
from benchmark.core.keys import key_of, without_code
from benchmark.core.source import code_digest

if TYPE_CHECKING:
    import pandas as pd

    from benchmark.steps.context import StepContext


@dataclass(frozen=True)
class Result:
    """What a step computed.

    Attributes:
        results: Numbers for the record; JSON.
        tensors: Weights or images, by name.
        samples: One row per image.
    """

    results: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] | None = None
    samples: pd.DataFrame | None = None


class Step(ABC):
    """A node of the plan. Equal keys mean equal results, so a finished step is never run again.

    Class attributes:
        kind: Kind of step.
        version: Raised whenever the step's own code may alter results.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    @abstractmethod
    def label(self) -> str:
        """For people: what is computed."""

    @property
    def needs(self) -> tuple[Step, ...]:
        """The steps whose results this one reads."""
        return ()

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything besides `needs` that determines the result; JSON."""

    @abstractmethod
    def run(self, context: StepContext) -> Result:
        """Compute. Progress goes to `context.progress`."""

    def passes(self) -> Passes:
        """Estimated passes through a network over the whole step, at most."""
        return Passes()

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What the key is the hash of."""
        return {
            "kind": self.kind,
            "version": self.version,
            "medrobust": __version__,
            "code": code_digest(type(self)),
            "settings": self.settings(),
            "needs": {f"{need.kind} {i}": need.key for i, need in enumerate(self.needs)},
        }

    @cached_property
    def key(self) -> str:
        """Hash of `spec`; the name of the step's folder."""
        return key_of(self.kind, self.spec)

    @cached_property
    def draws(self) -> str:
        """What random numbers are keyed by: settings alone, so that an edited comment draws no other ones."""
        needs = [need.draws for need in self.needs]
        return key_of(self.kind, {"settings": without_code(self.settings()), "needs": needs})
