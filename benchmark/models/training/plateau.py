"""When a validation figure stands still: what happens to the learning rate, and when training ends."""

from __future__ import annotations

from benchmark.models.training.recipe import FALL, FALLS, STANDSTILL, Recipe


class Plateau:
    """Follows a training epoch by epoch; with any schedule but "plateau" nothing ever changes.

    Args:
        recipe: What is followed.
        steps: Of an epoch.

    Attributes:
        scale: What the learning rate is to be multiplied by.
        over: Whether training has ended.
    """

    def __init__(self, recipe: Recipe, *, steps: int) -> None:
        self.scale = 1.0
        self.over = False
        patience = max(recipe.patience, -(-STANDSTILL // steps))
        self._patience = patience if recipe.schedule == "plateau" else None
        self._waited = 0
        self._falls = 0

    def stands_still(self, *, better: bool) -> bool:
        """Whether, after an epoch that was `better` than all before or was not, patience has just run out."""
        self._waited = 0 if better else self._waited + 1
        if self._waited != self._patience:
            return False
        self._waited = 0
        self._falls += 1
        self.scale *= FALL
        self.over = self._falls > FALLS
        return True
