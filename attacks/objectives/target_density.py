"""An objective that stays where the kernel density of clean features is high."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Objective
from attacks.objectives.evasion import Evasion, wanted_class
from benchmark.core.errors import UserError
from benchmark.core.features import Features
from benchmark.core.settings import Count, NotNegative, Positive
from benchmark.core.statistics.kernel_density import KernelDensity
from benchmark.core.statistics.principal_components import PrincipalComponents

_MOST_CENTRES = 5000


class TargetDensity(Evasion):
    """Another objective, and once it has its way minus weight · relu(−log p_t(z) − c): features z likely for class t.

    The two phases of Carlini and Wagner's attack on kernel densities (2017), each step in the one that its image has
    reached; the KDE attack of Yao et al. 2021, table 3. Penultimate features are standardised and reduced to their
    leading principal components; p_t is a mean of Gaussian kernels on the clean training features of the wanted class.
    c is what is typical: the median −log p_t of that class's own images, each left out of its own density. Below it
    nothing is gained, so the attack does not overshoot.

    Args:
        base: The attack's own objective.
        weight: Of the penalty, which is in nats.
        components: Principal components kept, at most.
        bandwidth: Standard deviation of the kernel in standardised units; None for Scott's rule per class.
    """

    name = "kde-min"
    source = (
        "Carlini and Wagner 2017, Adversarial examples are not easily detected, the attack on kernel densities; "
        "as in Yao et al. 2021 (HFC), table 3"
    )
    once_reached = True

    def __init__(
        self,
        *,
        base: Objective | None,
        weight: NotNegative = 1.0,
        components: Count = 64,
        bandwidth: Positive | None = None,
    ) -> None:
        super().__init__(base=base, weight=weight)
        self.components = components
        self.bandwidth = bandwidth

    def fit(self, features: Features, labels: Tensor, classes: int) -> None:
        """One density per class; raises UserError for a class with fewer than two images or a setting ≤ 0."""
        assert features.penultimate is not None
        counts = torch.bincount(labels, minlength=classes)
        if int(counts.min()) < 2 or self.components < 1 or (self.bandwidth is not None and self.bandwidth <= 0):
            raise UserError(
                f"{int(counts.min())} images of class {int(counts.argmin())}, {self.components} components "
                f"and bandwidth {self.bandwidth} make no density",
                where=f"objective {self.name}",
                remedy="give two images a class and positive settings",
            )
        self.projection_ = PrincipalComponents.fit(features.penultimate, self.components)
        projected = self.projection_.transform(features.penultimate)
        self.densities_ = [self._density(projected[labels == c]) for c in range(classes)]
        self.typical_ = [-float(density.left_out().median()) for density in self.densities_]

    def penalty(self, logits: Tensor, features: Features, aim: Aim) -> Tensor:
        """max(0, −log p_t(z) − c) in nats: [B]."""
        assert features.penultimate is not None
        z = features.penultimate
        self.projection_ = self.projection_.on(z.device)
        self.densities_ = [density.on(z.device) for density in self.densities_]
        projected, known = self.projection_.transform(z), zip(self.densities_, self.typical_, strict=True)
        excess = torch.stack([-d.log_density(projected) - typical for d, typical in known], dim=1)
        return excess.gather(1, wanted_class(logits, aim)[:, None]).squeeze(1).clamp_min(0).to(z.dtype)

    def _density(self, points: Tensor) -> KernelDensity:
        """Of one class's points [n, D]; Scott's rule is n^(−1/(D+4)) times their root mean variance."""
        if len(points) > _MOST_CENTRES:
            points = points[torch.linspace(0, len(points) - 1, _MOST_CENTRES).long()]
        count, dimension = points.shape
        spread = math.sqrt(float(points.var(0).mean())) if dimension else 0.0
        return KernelDensity(points, self.bandwidth or (spread or 1.0) * count ** (-1 / (dimension + 4)))
