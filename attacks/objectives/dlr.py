"""The difference-of-logits ratio."""

from __future__ import annotations

from torch import Tensor

from attacks.objectives.aim import Aim
from attacks.objectives.base import Need, Objective
from benchmark.core.features import Features


class DifferenceOfLogitsRatio(Objective):
    """Margin over the spread of the top logits, immune to rescaled logits.

    Needs three classes untargeted and four targeted; with fewer it would be constant.
    """

    name = "dlr"
    source = "Croce and Hein 2020, Reliable evaluation of adversarial robustness, eqs. 6 and 7"
    serves = Need.MARGIN
    minimum_classes = 3
    minimum_classes_targeted = 4

    def __call__(self, logits: Tensor, features: Features | None, aim: Aim) -> Tensor:
        ordered = logits.sort(dim=1, descending=True).values
        if aim.targets is None:
            spread = ordered[:, 0] - ordered[:, 2]
            return aim.margin(logits) / (spread + 1e-12)
        own = logits.gather(1, aim.labels[:, None]).squeeze(1)
        wanted = logits.gather(1, aim.targets[:, None]).squeeze(1)
        spread = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3])
        return (wanted - own) / (spread + 1e-12)
