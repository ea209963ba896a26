"""What a survival curve holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SurvivalCurve:
    """Robust accuracy of a defense against the step of one attack.

    Attributes:
        defense, attack: Labels.
        bound: The perturbation used.
        n: Evaluation images.
        clean: Accuracy before the attack.
        steps: Step 0, the steps at which the accuracy changes, and the last one, counted over restarts.
        accuracy: Robust accuracy after each of them.
        followed: Whether the attack takes more than one step and says at which of them an image fell. Where it does
            not, images count as fallen at the last step.
        reason: Why there is no curve; empty where there is one.
    """

    defense: str
    attack: str
    bound: str
    n: int
    clean: float
    steps: tuple[int, ...]
    accuracy: tuple[float, ...]
    followed: bool
    reason: str = ""

    def at(self, step: int) -> float:
        """Robust accuracy after `step`, from 0."""
        return next(a for s, a in zip(reversed(self.steps), reversed(self.accuracy), strict=True) if s <= step)
