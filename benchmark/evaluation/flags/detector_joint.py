"""Flag: a detector is reported against attacks that do not know it."""

from __future__ import annotations

import numpy as np

from benchmark.evaluation.flags.base import DetectionEvidence, Flag, FlagCheck, RowEvidence, Verdict


class DetectorJoint(FlagCheck):
    """Largest share of images that an attack aware of the detector gets misclassified and past it.

    At the threshold that flags 5 % of clean calibration images. The attack must also get at least as much through as
    attacks that ignore the detector, on the same images.
    """

    id = "detector_joint"
    threshold = "an adaptive attack on each detector, which gets through at least as often as the oblivious ones"
    meaning = "A detector is only as good as against an attacker who knows it; oblivious numbers are too good."
    source = "Carlini and Wagner 2017, Adversarial examples are not easily detected; Bryniarski et al. 2022"

    def evaluate(self, row: RowEvidence) -> Flag:
        if not row.detection:
            return self.not_applicable("no detector watches this model")
        detectors = dict.fromkeys(e.detector for e in row.detection)
        oblivious_only, weak, joint = [], [], 0.0
        for detector in detectors:
            cells = [e for e in row.detection if e.detector == detector]
            aware, unaware = _best(cells, aware=True), _best(cells, aware=False)
            if aware is None:
                oblivious_only.append(detector)
                continue
            joint = max(joint, float(aware.mean()))
            if unaware is not None and unaware.sum() - aware.sum() >= max(2, 0.002 * len(aware)):
                weak.append(detector)
        n = max(len(e.through) for e in row.detection)
        notes = [f"only oblivious attacks on {', '.join(oblivious_only)}"] if oblivious_only else []
        if weak:
            notes.append(f"the adaptive attack gets less through than an oblivious one on {', '.join(weak)}")
        found = None if len(oblivious_only) == len(detectors) else joint
        return self.flag(Verdict.WARN if notes else Verdict.PASS, found, n, "; ".join(notes))


def _best(cells: list[DetectionEvidence], *, aware: bool) -> np.ndarray | None:
    through = [e.through for e in cells if e.aware is aware]
    return max(through, key=lambda t: t.sum()) if through else None
