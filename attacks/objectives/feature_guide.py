"""Features of a clean image of the target class, as a guide to imitate."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.evasion import Evasion, wanted_class
from benchmark.core.errors import UserError
from benchmark.core.features import Features


class FeatureGuide(Evasion):
    """Another objective minus weight · Σ_l ‖f^l(x) − f^l(g)‖² / s, g a clean training image of the wanted class.

    All activation layers (channel means) and the penultimate features take the place of the paper's one layer. A guide
    is one image's for the whole attack. s is the same sum for two clean training images on average, so that one weight
    serves every network.
    """

    source = (
        "Sabour et al. 2016, Adversarial manipulation of deep representations, eq. 1; "
        "all layers and the choice of the guide as in Yao et al. 2021 (HFC), table 3"
    )

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
