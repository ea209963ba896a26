"""Classifiers, how they are trained, and how they are deployed: images in [0, 1] → logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from benchmark.models.base import Classifier
    from benchmark.models.training.recipe import Recipe
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Classifier", "Recipe"]
