"""Flag: images made for the undefended model break what adaptive attacks do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.evaluation.flags.base import AttackEvidence, RowEvidence
from benchmark.evaluation.flags.paired import PairedCheck

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.evaluation.flags.probe import Probe


class TransferBeatsWhiteBox(PairedCheck):
    """Samples broken only by attacks that ignore the defense."""

    id = "transfer_beats_white_box"
    meaning = "Ignoring the defense works better than attacking it: the adaptive gradient is wrong or masked."
    source = "Croce et al. 2022, Evaluating the adversarial robustness of adaptive test-time defenses"

    def weak(self, row: RowEvidence) -> list[AttackEvidence]:
        return [*row.where(access="gradient", sees_defense=False), *row.where(access="surrogate")]

    def attempt(self, probe: Probe) -> Tensor:
        from attacks.base import Stop
        from attacks.gradients.autograd import Autograd
        from attacks.pgd import PGD
        from benchmark.core.defended import DefendedModel

        undefended = probe.of(DefendedModel(probe.undefended), Autograd())
        crafted = undefended.run(PGD(steps=probe.enough_steps), stop=Stop.NEVER).adversarial
        return probe.decide(crafted.to(probe.images.device)).argmax(1).ne(probe.labels).cpu()
