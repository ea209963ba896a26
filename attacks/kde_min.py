"""KDE-min: stay where the target class's clean features are dense."""

from __future__ import annotations

from attacks.bim import BIM
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.target_density import TargetDensity
from benchmark.core.settings import Count, Length, NotNegative, Positive


class KDEMin(BIM):
    """Steepest ascent on the target's likelihood, and once it wins also on the density of the features under its class.

    Against the kernel-density detector and what resembles it; the density is the attacker's own, fitted on the clean
    training features, and no detector is asked.

    Args:
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; 2ε/T by default.
        weight: Of the density, in nats below what is typical, against the cross-entropy.
        components: Principal components of the standardised features, at most.
        bandwidth: Standard deviation of the kernel in standardised units; None for Scott's rule.
    """

    name = "kde-min"
    source = (
        "Carlini and Wagner 2017, Adversarial examples are not easily detected, the attack on kernel densities; "
        "as in Yao et al. 2021 (HFC), table 3"
    )

    def __init__(
        self,
        *,
        steps: Count = 40,
        step_size: Length | None = None,
        weight: NotNegative = 0.1,
        components: Count = 64,
        bandwidth: Positive | None = None,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size)
        self.weight = weight
        self.components = components
        self.bandwidth = bandwidth

    def default_objective(self) -> Objective:
        return TargetDensity(
            base=CrossEntropy(), weight=self.weight, components=self.components, bandwidth=self.bandwidth
        )
