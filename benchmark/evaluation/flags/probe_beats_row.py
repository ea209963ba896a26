"""Flag: the attack that the flags try breaks images that every attack of the row left standing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmark.evaluation.flags.base import Flag, MeasuredCheck, RowEvidence, Verdict
from benchmark.evaluation.flags.paired import THRESHOLD, Excess, broken

if TYPE_CHECKING:
    from benchmark.evaluation.flags.probe import Probe


class ProbeBeatsRow(MeasuredCheck):
    """Samples broken by the probe's own PGD on the margin and by no attack of the row.

    It shares nothing with the row's attacks but their steps, ε and way of differentiating, so that attacks which walk
    in another direction than the gradient's, or half the way, cannot make their row.
    """

    id = "probe_beats_row"
    threshold = THRESHOLD
    meaning = "The row's attacks find less than plain PGD does: they are weak, or were answered otherwise."
    source = "Carlini et al. 2019, compare with attacks that are known to work"

    def measure(self, probe: Probe) -> dict[str, Any]:
        fallen = probe.attack().success.tolist()
        return {"n": len(probe), "fallen": dict(zip(probe.ids, fallen, strict=True))}

    def judge(self, row: RowEvidence, measured: dict[str, Any]) -> Flag:
        if not row.attacks:
            return self.not_run("the row has no attack")
        names = row.attacks[0].samples["sample_id"]
        fell = dict(zip(names, broken(row.attacks), strict=True))
        pairs = [(bool(mine), bool(fell[name])) for name, mine in measured["fallen"].items()]
        excess = Excess(pairs.count((True, False)), pairs.count((False, True)), len(pairs))
        note = f"{excess.weak} of {excess.n} samples, against {excess.strong} the other way"
        if excess.verdict is Verdict.UNDECIDED:
            note += f"; {excess.enough()} images would tell"
        return self.flag(excess.verdict, excess.weak / excess.n, excess.n, note)
