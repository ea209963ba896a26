"""Flag: images of the evaluation stand in another split."""

from __future__ import annotations

from benchmark.evaluation.flags.base import Flag, FlagCheck, RowEvidence, Verdict

SHARE = 0.01
"""Of the evaluation images; more of them make a row unreliable."""


class LeakedImages(FlagCheck):
    """Share of the data set's evaluation images that stand in training or validation, too, pixel for pixel.

    As they are decoded and resized, whatever their files are called. A patient in two splits is refused before any run.
    """

    id = "leaked_images"
    threshold = "none; fail where more than 1 % of the evaluation images"
    meaning = "Images that were learned or tuned on are among those that are judged, so that the numbers flatter."
    source = "Kapoor and Narayanan 2023, Leakage and the reproducibility crisis"

    def evaluate(self, row: RowEvidence) -> Flag:
        if row.leaked is None or not row.evaluation:
            return self.not_run("the images of the splits were not compared")
        share = row.leaked / row.evaluation
        verdict = Verdict.FAIL if share > SHARE else Verdict.WARN if row.leaked else Verdict.PASS
        return self.flag(verdict, share, row.evaluation, f"{row.leaked:,} of {row.evaluation:,} evaluation images")
