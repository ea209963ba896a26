"""FGSM: the fast gradient sign method."""

from __future__ import annotations

from attacks.bim import BIM


class FGSM(BIM):
    """Fast gradient sign method: one step of size ε from the clean image."""

    name = "fgsm"
    source = "Goodfellow et al. 2015, Explaining and harnessing adversarial examples, section 4"
    reach = 1.0
    control = "one step, which nothing follows up"

    def __init__(self) -> None:
        super().__init__(steps=1, step_size=None)
