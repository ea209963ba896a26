"""Attacks: one method a file; `base` holds the contract, `victim` what an attack may ask of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from attacks.base import Aids, Attack, AttackError, Attempt, Composition, Outcome, Stop
    from attacks.effort import LEAST, Effort
    from attacks.geometry.ball import Ball
    from attacks.gradients.base import Ascent, GradientEstimator
    from attacks.objectives.aim import Aim
    from attacks.objectives.base import Objective
    from attacks.searches.candidates import CandidateSearch
    from attacks.searches.iterative import IterativeAttack, State
    from attacks.searches.minimum_norm import MinimumNormAttack
    from attacks.victim import Blind, Decisions, Observation, Oracle, Victim
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "LEAST",
    "Aids",
    "Aim",
    "Ascent",
    "Attack",
    "AttackError",
    "Attempt",
    "Ball",
    "Blind",
    "CandidateSearch",
    "Composition",
    "Decisions",
    "Effort",
    "GradientEstimator",
    "IterativeAttack",
    "MinimumNormAttack",
    "Objective",
    "Observation",
    "Oracle",
    "Outcome",
    "State",
    "Stop",
    "Victim",
]
