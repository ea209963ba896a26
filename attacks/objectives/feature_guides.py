"""Features of a clean image of the target class, as a guide to imitate."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import Evasion, wanted_class
from benchmark.core.errors import UserError
from benchmark.core.features import Features
from benchmark.core.noise import Noise
from benchmark.core.settings import NotNegative, Seed


class FeatureGuide(Evasion):
    """Another objective minus weight · Σ_l ‖f^l(x) − f^l(g)‖² / s, g a clean training image of the wanted class.

    Sabour et al. 2016, eq. 1, with all activation layers (channel means) and the penultimate features in place of one
    layer, as the random and closest guides of Yao et al. 2021, table 3. A guide is one image's for the whole attack.
    s is the same sum for two clean training images on average, so that one weight serves every network.
    """

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """Keep the guides; raises UserError for a class that has none."""
        assert features.penultimate is not None
        counts = torch.bincount(labels, minlength=classes)
        if int(counts.min()) == 0:
            raise UserError(
                f"class {int(counts.argmin())} has no training image to serve as a guide",
                where=f"objective {self.name}",
                remedy="use more training images, or leave the class out of the data set",
            )
        self.guides_ = [*features.layers, features.penultimate]
        self.scale_ = max(sum(float(2 * layer.var(0).sum()) for layer in self.guides_), 1e-12)
        self.members_ = [(labels == label).nonzero().flatten() for label in range(classes)]

    @abstractmethod
    def choose(self, seen: list[Tensor], sample_ids: Tensor, wanted: Tensor) -> Tensor:
        """Each image's guide, of class `wanted` [B], as a row of the training images: int64 [B].

        Args:
            seen: The images' features, layer by layer: [B, C_l].
            sample_ids: The images' numbers: [B].
            wanted: The class of the guide: [B].
        """
        raise NotImplementedError

    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        """Σ_l ‖f^l(x) − f^l(g)‖² / s: [B]."""
        assert features.penultimate is not None
        assert aim.sample_ids is not None
        seen = [*features.layers, features.penultimate]
        self.guides_ = [guides.to(layer) for guides, layer in zip(self.guides_, seen, strict=True)]
        self.members_ = [members.to(seen[0].device) for members in self.members_]
        rows = self.choose([layer.detach() for layer in seen], aim.sample_ids, wanted_class(logits, aim))
        squares = [(f - guides[rows]).square().sum(1) for f, guides in zip(seen, self.guides_, strict=True)]
        return torch.stack(squares).sum(0) / self.scale_


class RandomGuide(FeatureGuide):
    """The guide is drawn at random, by the image's number alone.

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


class ClosestGuide(FeatureGuide):
    """The guide is the closest in features to the image as it is first seen, which for BIM is the clean image.

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
