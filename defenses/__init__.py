"""Defenses: one method a file; `base` holds the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from defenses.base import (
        IDENTITY,
        OWN,
        DecisionRule,
        DefendedModel,
        Defense,
        FitData,
        Passes,
        Purify,
        Surrogate,
        Weights,
    )
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "IDENTITY",
    "OWN",
    "DecisionRule",
    "DefendedModel",
    "Defense",
    "FitData",
    "Passes",
    "Purify",
    "Surrogate",
    "Weights",
]
