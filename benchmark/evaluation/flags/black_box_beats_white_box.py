"""Flag: an attack without gradients breaks images that gradient attacks do not."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence


class BlackBoxBeatsWhiteBox(FlagCheck):
    """Samples broken only by query attacks."""

    id = "black_box_beats_white_box"
    threshold = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05"
    meaning = "Random search finds what the gradient does not: gradients are masked."
    source = "Athalye et al. 2018a, section 3.1; AutoAttack flags"

    def evaluate(self, row: RowEvidence) -> Flag:
        queried = [*row.where(access="scores"), *row.where(access="decisions"), *row.where(gradient="zeroth-order")]
        return self.excess(row, queried, row.by_gradient(), "a query attack and a white-box attack")
