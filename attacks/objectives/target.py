"""Which wrong class the attack on an image is to end in, where its goal is one class."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from attacks.objectives.aim import other_class
from benchmark.core.noise import Noise


class Rule(StrEnum):
    """How an image's own target is chosen among the wrong classes; the easiest first."""

    LIKELIEST = "likeliest"
    RANDOM = "random"
    LEAST_LIKELY = "least-likely"

    @property
    def phrase(self) -> str:
        """How it is written in a threat model."""
        return {
            "likeliest": "the likeliest wrong class",
            "random": "a wrong class drawn at random",
            "least-likely": "the least likely class",
        }[self.value]


@dataclass(frozen=True)
class Target:
    """A rule that gives each image a class of its own, or one class for all.

    Attributes:
        rule: The rule; None where one class is aimed at.
        label: That class.
    """

    rule: Rule | None = Rule.LIKELIEST
    label: int | None = None

    def __str__(self) -> str:
        return f"class {self.label}" if self.rule is None else self.rule.value

    def of(self, labels: Tensor, scores: Tensor, noise: Noise) -> Tensor:
        """The target of each image: int64 [B], on the CPU.

        Args:
            labels: True classes: int64 [B]; no image may show the one class aimed at.
            scores: What the defended model says of the clean images: [B, K].
            noise: Keyed random numbers, one row per image.
        """
        if self.label is not None:
            return torch.full_like(labels, self.label)
        if self.rule is Rule.LIKELIEST:
            return other_class(labels, scores)
        if self.rule is Rule.LEAST_LIKELY:
            return other_class(labels, -scores)
        place = noise.stream("target").uniform((1,), dtype=torch.float64).squeeze(1).cpu()
        drawn = (place * (scores.shape[1] - 1)).long()
        # The true class is stepped over.
        return drawn + (drawn >= labels)
