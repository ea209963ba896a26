"""Flag: images made for the undefended model break what adaptive attacks do not."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence


class TransferBeatsWhiteBox(FlagCheck):
    """Samples broken only by attacks that ignore the defense."""

    id = "transfer_beats_white_box"
    threshold = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05"
    meaning = "Ignoring the defense works better than attacking it: the adaptive gradient is wrong or masked."
    source = "Croce et al. 2022, Evaluating the adversarial robustness of adaptive test-time defenses"

    def evaluate(self, row: RowEvidence) -> Flag:
        ignorant = [*row.where(access="gradient", gradient="undefended"), *row.where(access="surrogate")]
        return self.excess(row, ignorant, row.by_gradient(), "an attack that ignores the defense and an adaptive one")
