"""Flag: random points of the allowed ball break images that gradient attacks do not."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence


class RandomNoiseBeatsGradient(FlagCheck):
    """Samples broken by random search and by no white-box attack of the same norm and ε."""

    id = "random_noise_beats_gradient"
    threshold = "fewer than max(2, 0.2 %) samples; fail at McNemar p < 0.05"
    meaning = "Blind guessing finds what the gradient does not: gradients are masked."
    source = "Athalye et al. 2018a, section 3.1; Carlini et al. 2019 (brute force)"

    def evaluate(self, row: RowEvidence) -> Flag:
        guesses = row.where(method="random-noise")
        return self.excess(row, guesses, row.by_gradient(), "the attack random-noise and a white-box attack")
