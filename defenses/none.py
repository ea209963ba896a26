"""No defense: the classifier as it is."""

from __future__ import annotations

from torch import nn

from defenses.base import DefendedModel, Defense


class NoDefense(Defense):
    """The classifier alone: what every other row is compared with."""

    name = "none"
    source = "the undefended model"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)
