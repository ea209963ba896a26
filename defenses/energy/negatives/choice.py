"""The ways to draw negative samples, by name."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmark.core.images import LabeledImages
from defenses.energy.negatives.base import Negatives
from defenses.energy.negatives.contrastive_divergence import ContrastiveDivergence
from defenses.energy.negatives.cooperative import Cooperative
from defenses.energy.negatives.persistent import Persistent
from defenses.energy.negatives.recovery import Recovery
from defenses.energy.negatives.short_run import ShortRun
from defenses.energy.recipe import EnergyRecipe


def negatives_of(
    recipe: EnergyRecipe, train: LabeledImages, *, seed: int, generator: torch.Generator, device: torch.device
) -> Negatives:
    """What the recipe names, at its beginning; raises KeyError for another name."""
    ways: dict[str, Callable[[], Negatives]] = {
        "contrastive-divergence": ContrastiveDivergence,
        "short-run": ShortRun,
        "cooperative": lambda: Cooperative(train.shape, seed=seed, device=device),
        "persistent": lambda: Persistent(
            train, size=recipe.bank_size, rejuvenation=recipe.rejuvenation, generator=generator, device=device
        ),
        "recovery": lambda: Recovery(step=recipe.step, temperature=recipe.temperature),
    }
    return ways[recipe.negatives]()
