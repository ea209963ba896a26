"""Flag: FGSM breaks images that iterative attacks do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.evaluation.flags.base import AttackEvidence, RowEvidence
from benchmark.evaluation.flags.paired import PairedCheck

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe


class OneStepBeatsIterative(PairedCheck):
    """Samples broken by one-step attacks and by no iterative one of the same norm and ε."""

    id = "one_step_beats_iterative"
    meaning = "One gradient step finds what many do not: the gradient misleads the iterative attack."
    source = "Athalye et al. 2018a, section 3.1"

    def weak(self, row: RowEvidence) -> list[AttackEvidence]:
        return [a for a in row.by_gradient() if a.facts.steps == 1]

    def strong(self, row: RowEvidence) -> list[AttackEvidence]:
        return [a for a in row.by_gradient() if (a.facts.steps or 0) > 1]

    def attempt(self, probe: Probe) -> Tensor:
        from attacks.fgsm import FGSM

        return probe.run(FGSM()).success
