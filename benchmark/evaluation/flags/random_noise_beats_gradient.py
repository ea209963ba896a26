"""Flag: random points of the allowed ball break images that gradient attacks do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.evaluation.flags.base import AttackEvidence, RowEvidence
from benchmark.evaluation.flags.paired import PairedCheck

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe

DRAWS = 200


class RandomNoiseBeatsGradient(PairedCheck):
    """Samples broken by random search and by no white-box attack of the same norm and ε."""

    id = "random_noise_beats_gradient"
    meaning = "Blind guessing finds what the gradient does not: gradients are masked."
    source = "Athalye et al. 2018a, section 3.1; Carlini et al. 2019 (brute force)"

    def weak(self, row: RowEvidence) -> list[AttackEvidence]:
        return row.where(method="random-noise")

    def attempt(self, probe: Probe) -> Tensor:
        from attacks.random_noise import RandomNoise

        return probe.run(RandomNoise(draws=probe.afford(DRAWS))).success
