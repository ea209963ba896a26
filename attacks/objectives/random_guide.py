"""A random clean image of the target class, as a guide to imitate."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.objectives.base import Objective
from attacks.objectives.feature_guide import FeatureGuide
from benchmark.core.noise import Noise
from benchmark.core.settings import NotNegative, Seed


class RandomGuide(FeatureGuide):
    """Another objective, and features near those of a guide drawn at random, by the image's number alone.

    Args:
        base: The attack's own objective; None to match features and nothing else.
        weight: Of the squared distance.
        seed: Of the draw.
    """

    name = "random-guide"

    def __init__(self, *, base: Objective | None, weight: NotNegative = 1.0, seed: Seed = 0) -> None:
        super().__init__(base=base, weight=weight)
        self.seed = seed

    def choose(self, seen: list[Tensor], sample_ids: Tensor, wanted: Tensor) -> Tensor:
        place = Noise.of(self.seed, sample_ids).stream("guide").uniform((1,), dtype=torch.float64).squeeze(1)
        rows = torch.empty_like(wanted)
        for label, members in enumerate(self.members_):
            of_class = wanted == label
            rows[of_class] = members[(place[of_class] * len(members)).long()]
        return rows
