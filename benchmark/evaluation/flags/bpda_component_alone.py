"""Flag: BPDA does not get past the component by itself, so a failure against the defense says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.records.defense_record import DefenseTraits

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe

REACH = 8
_FEWEST = 0.1
"""The share of images that must be recognised behind a component: less than a constant answer has of ten classes."""


class BPDAComponentAlone(MeasuredCheck):
    """Share of images that BPDA breaks through the component before the undefended classifier, at 8 times ε.

    Only images count that this model classifies correctly.
    """

    id = "bpda_component_alone"
    threshold = "at least 95 % broken"
    meaning = "The surrogate does not carry the gradient past the component: the attack fails, not the defense holds."
    source = "Athalye et al. 2018a, section 4.1"

    def measure(self, probe: Probe) -> dict[str, Any] | None:
        from attacks.gradients.bpda import BPDA
        from benchmark.core.defended import DefendedModel

        if not _applies(probe.traits):
            return None
        model = probe.model
        alone = DefendedModel(
            probe.undefended,
            purify=model.purify,
            surrogate=model.surrogate,
            networks=model.networks,
            purify_passes=model.purify_passes,
            votes=model.votes,
            randomized=model.randomized,
            decision_rule=model.decision_rule,
        )
        component = probe.of(alone, BPDA(draws=probe.estimator.draws))
        right = component.decide(probe.images).argmax(1) == probe.labels
        component = component[right.nonzero().flatten()]
        epsilon = min(REACH * probe.epsilon, probe.largest_epsilon)
        broken = 0
        if len(component):
            outcome = component.attack(epsilon=epsilon, steps=probe.enough_steps, restarts=2)
            broken = int(outcome.success.sum())
        return {"n": len(component), "of": len(probe), "broken": broken, "epsilon": epsilon}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        n, broken = measured["n"], measured["broken"]
        if n < _FEWEST * measured["of"]:
            note = f"the undefended classifier recognises {n} of {measured['of']} images behind the component"
            return self.flag(Verdict.UNDECIDED, None, n, note)
        verdict = Verdict.PASS if broken >= 0.95 * n else Verdict.FAIL
        return self.flag(verdict, broken / n, n, f"{broken} of {n} images at ε = {measured['epsilon']:.3g}")

    def evaluate(self, row: RowEvidence) -> Flag:
        if not _applies(row.traits):
            return self.not_applicable("there is no component without a gradient")
        return super().evaluate(row)


def _applies(traits: DefenseTraits) -> bool:
    return traits.purifier and not traits.differentiable
