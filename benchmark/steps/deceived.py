"""The detector that an attack is to deceive, as its step knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from attacks.objectives.detector_score import KnownDetector
    from benchmark.steps.base import Step
    from benchmark.steps.context import StepContext


class DeceivedDetector(Protocol):
    """A detector that will be fitted before the attack begins."""

    @property
    def name(self) -> str:
        """The detector's label in the suite."""

    @property
    def needs(self) -> tuple[Step, ...]:
        """The steps whose results fitting it reads."""

    @property
    def differentiable(self) -> bool:
        """Whether it may offer a differentiable score."""

    def settings(self) -> dict[str, Any]:
        """Everything besides `needs` that determines it, the code that fits it included; JSON."""

    def known(self, context: StepContext) -> KnownDetector:
        """The fitted detector for an attacker."""
