"""Transfer from an ensemble of the attacker's own classifiers."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

from attacks.transfer import Transfer
from benchmark.core.settings import Count, Length, NotNegative


class TransferEnsemble(Transfer):
    """Crafts images that fool several classifiers of the attacker's own at once, and submits them without a query.

    What fools several models trained apart is likelier to fool one more (Liu et al. 2017); they are fused by the mean
    of their logits.

    Args:
        proxies: Number of classifiers.
        steps: Number of steps T.
        step_size: α on pixels in [0, 1]; ε/T by default.
        decay: How much of the accumulated gradient a step keeps; 0 for plain BIM.
    """

    name = "transfer-ensemble"
    source = "Liu et al. 2017, Delving into transferable adversarial examples; fused by Dong et al. 2018, eq. 9"

    def __init__(
        self,
        *,
        proxies: Annotated[int, Interval(ge=1, le=20)] = 3,
        steps: Count = 20,
        step_size: Length | None = None,
        decay: NotNegative = 1.0,
    ) -> None:
        super().__init__(steps=steps, step_size=step_size, decay=decay)
        self.proxies = proxies
