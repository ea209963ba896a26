"""The threat model: typed fields, and the one sentence they make."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from benchmark.core.errors import UserError


class Norm(StrEnum):
    """How the size of a perturbation is measured, on pixels in [0, 1]."""

    LINF = "linf"
    L2 = "l2"
    L1 = "l1"
    L0 = "l0"
    SPATIAL = "spatial"

    @property
    def symbol(self) -> str:
        """How it is written in text."""
        return {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0", "spatial": "spatial"}[self.value]


class Access(StrEnum):
    """What the attacker may ask of the model, strongest first."""

    GRADIENT = "gradient"
    SCORES = "scores"
    DECISIONS = "decisions"
    SURROGATE = "surrogate"

    @property
    def phrase(self) -> str:
        """How it is written in a threat model."""
        return {
            "gradient": "white-box (weights and gradients)",
            "scores": "black-box (class scores of queried images)",
            "decisions": "black-box (decisions on queried images)",
            "surrogate": "transfer (gradients of the attacker's own classifiers)",
        }[self.value]


DetectorKnowledge = Literal["none", "oblivious", "adaptive"]
"""Whether a detector is present, and whether the attacker takes it into account."""


class Goal(StrEnum):
    """Which wrong answers count."""

    UNTARGETED = "untargeted"
    TARGETED = "targeted"


@dataclass(frozen=True)
class Epsilon:
    """A perturbation bound, kept as its author wrote it ("8/255") beside its value."""

    text: str
    value: float

    @classmethod
    def parse(cls, written: str | float | Epsilon, *, where: str = "epsilon") -> Epsilon:
        """Read "8/255", "0.03" or a number; raises UserError when negative, not finite or not a number."""
        if isinstance(written, Epsilon):
            return written
        text = str(written).strip()
        try:
            value = float(Fraction(text.replace(" ", "")))
        except (ValueError, ZeroDivisionError, OverflowError) as error:
            raise UserError(f"epsilon {text!r} is not a number", where=where, remedy='write "8/255" or 0.03') from error
        if value < 0:
            raise UserError(f"epsilon {text!r} is negative", where=where, remedy="give 0 or more")
        return cls(text, value)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ThreatModel:
    """Everything a reader must know to compare a robustness number with another.

    Attributes:
        norm, epsilon: The allowed perturbation, on pixels in [0, 1] at `resolution`.
        access: What the attacker may ask of the model.
        goal: Which wrong answers count as success.
        target: The class aimed at, in words; empty where the goal says enough.
        knows_defense: Whether the attack takes the defense into account (its gradient, a surrogate, or queries).
        knows_randomness: Whether the attacker sees the defender's random draws.
        detector: "none", "oblivious" (present, ignored by the attacker) or "adaptive" (taken into account).
        resolution: Height and width of the attacked image.
        classes: Number of classes.
        operating_threshold: Probability at which a two-class model says "disease"; None for argmax.
        budget: The attacker's effort in words, e.g. "50 steps, 16 EOT samples".
        bound: The allowed perturbation in words, where norm and ε do not say it (rotations).
        randomized: Whether the defended model draws random numbers at inference.
    """

    norm: Norm
    epsilon: Epsilon
    access: Access
    goal: Goal
    resolution: tuple[int, int]
    classes: int
    budget: str
    bound: str = ""
    knows_defense: bool = True
    target: str = ""
    randomized: bool = False
    knows_randomness: bool = False
    detector: DetectorKnowledge = "none"
    operating_threshold: float | None = None

    @property
    def allowed(self) -> str:
        """The allowed perturbation in words."""
        return self.bound or f"{self.norm.symbol} ε = {self.epsilon} on [0, 1] pixels"

    @property
    def aim(self) -> str:
        """The goal in words, with the class aimed at."""
        return f"{self.goal.value} at {self.target}" if self.target else self.goal.value

    @property
    def perturbation(self) -> str:
        """The allowed perturbation in short, e.g. "L∞ 8/255"."""
        return f"{self.norm.symbol} {self.epsilon}"

    def sentence(self, *, threshold: str = "", aim: str = "") -> str:
        """The threat model as one sentence.

        Args:
            threshold: Words for the operating threshold, where there is one, in place of its value.
            aim: Words for the goal, in place of its own.
        """
        height, width = self.resolution
        knows = "knows the defense" if self.knows_defense else "does not know the defense"
        if self.randomized:
            knows += " and its random draws" if self.knows_randomness else " but not its random draws"
        detector = {
            "none": "no detector is present",
            "oblivious": "a detector is present that the attacker ignores",
            "adaptive": "a detector is present that the attacker knows",
        }[self.detector]
        decision = f"K = {self.classes}"
        if self.operating_threshold is not None:
            decision += f" at {threshold or f'operating threshold {self.operating_threshold:.3f}'}"
        return (
            f"{self.access.phrase}, {self.allowed} at {height}×{width}, "
            f"{aim or self.aim}; the attacker {knows}; {detector}; {decision}; budget: {self.budget}."
        )
