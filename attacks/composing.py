"""Putting an attack together from the names a suite gives."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attacks.base import Attack
from attacks.gradients.autograd import Autograd
from attacks.gradients.base import GradientEstimator
from attacks.gradients.bpda import BPDA
from attacks.gradients.exact import Exact
from attacks.gradients.undefended import Undefended
from attacks.gradients.zeroth_order import ZerothOrder
from attacks.objectives.base import Objective
from attacks.objectives.cross_entropy import CrossEntropy
from attacks.objectives.dlr import DifferenceOfLogitsRatio
from attacks.objectives.feature_guides import ClosestGuide, RandomGuide
from attacks.objectives.hfc import HierarchicalFeatureConstraint
from attacks.objectives.local_dimension import LocalDimension
from attacks.objectives.margin import Margin
from attacks.objectives.target_density import TargetDensity
from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.settings import check_setting

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

ESTIMATORS: dict[str, type[GradientEstimator]] = {e.name: e for e in (Autograd, Exact, BPDA, Undefended, ZerothOrder)}
"""The gradient estimators by the name a suite gives them."""


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
        """The class; raises UserError for an unknown name or setting, or a value out of range."""
        if self.name not in OBJECTIVES:
            raise UserError(
                f"unknown objective {self.name!r}", where=where, remedy=did_you_mean(self.name, list(OBJECTIVES))
            )
        constructor = OBJECTIVES[self.name].__init__
        known = [p for p in inspect.signature(constructor).parameters if p not in ("self", "base")]
        for key, value in self.settings.items():
            if key not in known:
                raise UserError(
                    f"objective {self.name!r} has no setting {key!r}", where=where, remedy=did_you_mean(key, known)
                )
            check_setting(constructor, key, value, of=f"objective {self.name!r}", where=where)
        return OBJECTIVES[self.name]

    def build(self, attack: Attack) -> Objective:
        """The objective for `attack`."""
        kind = OBJECTIVES[self.name]
        settings = dict(self.settings)
        if "base" in inspect.signature(kind.__init__).parameters:
            settings["base"] = attack.default_objective()
        return kind(**settings)


@dataclass(frozen=True)
class GradientChoice:
    """A gradient estimator as a suite names it.

    Attributes:
        name: A key of `ESTIMATORS`.
        settings: Its constructor arguments besides the number of draws.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    def check(self, *, where: str) -> None:
        """Raise UserError for an unknown name or setting, or a value out of range."""
        if self.name not in ESTIMATORS:
            raise UserError(
                f"unknown gradient {self.name!r}", where=where, remedy=did_you_mean(self.name, ["auto", *ESTIMATORS])
            )
        constructor = ESTIMATORS[self.name].__init__
        known = [p for p in inspect.signature(constructor).parameters if p not in ("self", "draws")]
        for key, value in self.settings.items():
            if key not in known:
                remedy = did_you_mean(key, known) if known else "remove it"
                raise UserError(f"gradient {self.name!r} has no setting {key!r}", where=where, remedy=remedy)
            check_setting(constructor, key, value, of=f"gradient {self.name!r}", where=where)

    @property
    def surrogate(self) -> str:
        """The only surrogate that BPDA is to go through; empty where it goes through each."""
        return str(self.settings.get("surrogate", ""))

    def build(self, draws: int) -> GradientEstimator:
        """The estimator, averaging over `draws` random draws."""
        return ESTIMATORS[self.name](draws=draws, **self.settings)

    def each(self, draws: int, surrogates: Sequence[str]) -> list[GradientEstimator]:
        """The estimators that an attack is run with in turn: for BPDA, one for each surrogate of the defense."""
        if self.name != BPDA.name or self.surrogate:
            return [self.build(draws)]
        return [BPDA(draws=draws, surrogate=name) for name in surrogates]
