"""What an attack spends on an image that never falls, and the least that counts as an attack."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmark.core.threat import Access

LEAST_VALUES = 500
"""Values in place of gradients. An estimate from n pairs meets the gradient by d pixels at a cosine of about
√(n / (n + d)): 0.5 for 250 pairs at 28×28, spread over steps that point the same way."""


@dataclass(frozen=True)
class Effort:
    """What an attack spends on an image that never falls.

    Attributes:
        steps: Moves of one run that follow from the answers to the ones before.
        gradients: Gradients of the victim, all runs together.
        queries: Answers of the victim without a gradient, all runs together.
        proxies: Gradients of the attacker's own classifiers.
        detector_questions: Questions about a detector that offers no gradient.
        reach: How far the steps of one run go together, in units of ε; infinite where no setting bounds it.
    """

    steps: int = 0
    gradients: int = 0
    queries: int = 0
    proxies: int = 0
    detector_questions: int = 0
    reach: float = math.inf

    def __add__(self, other: Effort) -> Effort:
        """Both, one after the other: the longer run, and the farther reach."""
        return Effort(
            max(self.steps, other.steps),
            self.gradients + other.gradients,
            self.queries + other.queries,
            self.proxies + other.proxies,
            self.detector_questions + other.detector_questions,
            max(self.reach, other.reach),
        )

    def __str__(self) -> str:
        counts = {
            "step": self.steps,
            "gradient": self.gradients,
            "query": self.queries,
            "gradient of its own classifiers": self.proxies,
        }
        words = [_counted(count, what) for what, count in counts.items() if count]
        if math.isfinite(self.reach):
            words.append(f"a way of {self.reach:,.1f} ε")
        return ", ".join(words) or "nothing"

    def short_of(self, least: Effort) -> str:
        """What is missing to `least`, in words; empty where nothing is."""
        words = [
            f"{_counted(needed, what)} at least"
            for has, needed, what in (
                (self.steps, least.steps, "step"),
                (self.gradients, least.gradients, "gradient"),
                (self.queries, least.queries, "query"),
            )
            if has < needed
        ]
        # A tenth of ε in each of ten steps falls short by rounding.
        if self.reach < least.reach * (1 - 1e-6):
            words.append("the steps together do not reach ε")
        return ", ".join(words)


@dataclass(frozen=True)
class Duration:
    """How long an attack goes on, in the numbers in which `broken_at` counts.

    Attributes:
        steps: Steps of one run; None where it does not go step by step.
        queries: Answers that one run may ask for; None where they are not what ends it.
        numbers: How many numbers `broken_at` runs through from 0 on, all runs together.
    """

    steps: int | None = None
    queries: int | None = None
    numbers: int = 1


LEAST = {
    Access.GRADIENT: Effort(steps=10, gradients=10, reach=1.0),
    Access.SCORES: Effort(steps=10, queries=100, reach=1.0),
    Access.DECISIONS: Effort(steps=5, queries=100, reach=1.0),
    Access.SURROGATE: Effort(proxies=1, reach=1.0),
}
"""Below this no attack completes a row, whatever it says of itself."""


def _counted(count: int, what: str) -> str:
    head, _, tail = what.partition(" ")
    if count != 1:
        head = f"{head[:-1]}ies" if head.endswith("y") else f"{head}s"
    return f"{count:,} {head} {tail}".strip()
