"""Putting an attack together from the names a suite gives."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from attacks.base import Attack
from attacks.densities import TargetDensity
from attacks.feature_guides import ClosestGuide, RandomGuide
from attacks.gradients import ESTIMATORS, GradientEstimator
from attacks.hfc import HierarchicalFeatureConstraint
from attacks.local_dimension import LocalDimension
from attacks.objectives import CrossEntropy, DifferenceOfLogitsRatio, Margin, Objective
from benchmark.errors import UserError, did_you_mean

OBJECTIVES: dict[str, type[Objective]] = {
    o.name: o
    for o in (
        CrossEntropy,
        Margin,
        DifferenceOfLogitsRatio,
        HierarchicalFeatureConstraint,
        RandomGuide,
        ClosestGuide,
        TargetDensity,
        LocalDimension,
    )
}
"""The objectives by the name a suite gives them."""


@dataclass(frozen=True)
class ObjectiveChoice:
    """An objective as a suite names it; one that builds on another (HFC) builds on the attack's own.

    Attributes:
        name: A key of `OBJECTIVES`.
        settings: Its constructor arguments.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def kind(self, *, where: str) -> type[Objective]:
        """The class; raises UserError for an unknown name or setting."""
        if self.name not in OBJECTIVES:
            raise UserError(
                f"unknown objective {self.name!r}", where=where, remedy=did_you_mean(self.name, list(OBJECTIVES))
            )
        known = [p for p in inspect.signature(OBJECTIVES[self.name].__init__).parameters if p not in ("self", "base")]
        for key in self.settings:
            if key not in known:
                raise UserError(
                    f"objective {self.name!r} has no setting {key!r}", where=where, remedy=did_you_mean(key, known)
                )
        return OBJECTIVES[self.name]

    def build(self, attack: Attack) -> Objective:
        """The objective for `attack`."""
        kind = OBJECTIVES[self.name]
        settings = dict(self.settings)
        if "base" in inspect.signature(kind.__init__).parameters:
            settings["base"] = attack.default_objective()
        return kind(**settings)


def build_estimator(gradient: str, draws: int) -> GradientEstimator:
    """The gradient estimator of that name, averaging over `draws` random draws."""
    return ESTIMATORS[gradient](draws=draws)
