"""The most similar clean image of the target class, as a guide to imitate."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks.objectives.feature_guide import FeatureGuide
from benchmark.core.features import Features


class ClosestGuide(FeatureGuide):
    """Another objective, and features near those of the guide that is closest to the image as it is first seen.

    For BIM that is the clean image.

    Args:
        base: The attack's own objective; None to match features and nothing else.
        weight: Of the squared distance.
    """

    name = "closest-guide"

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        super().fit(features, labels, classes)
        self.chosen_: dict[tuple[int, int], int] = {}

    def choose(self, seen: list[Tensor], sample_ids: Tensor, wanted: Tensor) -> Tensor:
        keys = list(zip(sample_ids.tolist(), wanted.tolist(), strict=True))
        first = {key: place for place, key in enumerate(keys) if key not in self.chosen_}
        for label, members in enumerate(self.members_):
            fresh = [(key, place) for key, place in first.items() if key[1] == label]
            if fresh:
                places = torch.tensor([place for _, place in fresh], device=wanted.device)
                nearest = members[self._closest([f[places] for f in seen], members)].tolist()
                self.chosen_.update(zip([key for key, _ in fresh], nearest, strict=True))
        return torch.tensor([self.chosen_[key] for key in keys], device=wanted.device)

    def _closest(self, seen: list[Tensor], members: Tensor) -> Tensor:
        total = seen[0].new_zeros(len(seen[0]), len(members))
        for layer, guides in zip(seen, self.guides_, strict=True):
            # By differences: matrix products would round differently from batch to batch.
            exact = "donot_use_mm_for_euclid_dist"
            total += torch.cdist(layer, guides[members], compute_mode=exact).square()
        return total.argmin(1)
