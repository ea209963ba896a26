"""Flag: an attack without gradients breaks images that gradient attacks do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.evaluation.flags.base import AttackEvidence, RowEvidence
from benchmark.evaluation.flags.paired import PairedCheck

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe

QUERIES = 200


class BlackBoxBeatsWhiteBox(PairedCheck):
    """Samples broken only by query attacks."""

    id = "black_box_beats_white_box"
    meaning = "Random search finds what the gradient does not: gradients are masked."
    source = "Athalye et al. 2018a, section 3.1; AutoAttack flags"

    def weak(self, row: RowEvidence) -> list[AttackEvidence]:
        return [*row.where(access="scores"), *row.where(access="decisions"), *row.where(follows_values=True)]

    def attempt(self, probe: Probe) -> Tensor:
        from attacks.square import Square

        return probe.run(Square(queries=probe.afford(QUERIES))).success
