"""The detection table in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.suites.suite import Suite
from leaderboard.detection.flat import flat_row
from leaderboard.detection.rows import detection_rows
from leaderboard.detection.schema import DetectionRow
from leaderboard.detection.table import detection_table
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table
from leaderboard.text import escape, markdown_table


@dataclass(frozen=True)
class Detection(Section):
    """What detectors see of attacks, and what gets through.

    Attributes:
        table: One row for each defended model, detector and attack.
    """

    page = "detection"

    table: tuple[DetectionRow, ...]

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = detection_rows(results)
        return cls(rows) if rows else None

    @classmethod
    def protocol(cls, suite: Suite) -> str:
        if (table := suite.detection) is None:
            return ""
        return (
            f"Detection: {table.norm}, ε = {table.epsilon}, targeted at the likeliest wrong class; all steps are "
            "run and the last image is kept. Detectors learn from 45 % of the correctly classified images, thresholds "
            "come from the clean ones of another 25 %, scores are on the remaining 30 %; negatives are clean images "
            "and images with noise of the attack's L2 size."
        )

    def markdown(self) -> list[str]:
        sentences = dict.fromkeys(
            f"- **{escape(r.defense)} × {escape(r.attack)}**: {escape(r.threat)}" for r in self.table if r.threat
        )
        failed = [
            f"- **{escape(f'{r.defense} × {r.attack} × {r.detector}')}** ({escape(r.status)}): {escape(r.reason)}"
            for r in self.table
            if r.status != "done"
        ]
        parts = [
            "## Detection",
            markdown_table(*detection_table(self.table)),
            "Per cent. Success: the image is misclassified, detector or not. Through: misclassified and not flagged, "
            "with the threshold set on clean images alone; intervals know that it was estimated. An AUC far below 50 "
            "is no evasion of a defender who looks at both sides: see the two-sided column. AUC fooled: misclassified "
            "images alone. Stored: adversarial images rounded to 8 bit. FPR moved: clean images moved so that no file "
            "holds them, at the threshold of 10 %.",
            "### Threat models of the detection table",
            "\n".join(sentences),
        ]
        return [*parts, "### Cells without a result or credit", "\n".join(failed)] if failed else parts

    def terminal(self) -> list[Table | Note]:
        headers, cells = detection_table(self.table, brief=True)
        always = ("Defense", "Detector", "Attack", "Success", "Through at 5 % FPR", "Status")
        extra = [(at,) for at, header in enumerate(headers) if header not in always]
        return [Table("Detection (per cent)", headers, cells, extra, detail=True)]

    def rows(self) -> list[Line]:
        return [flat_row(row) for row in self.table]

    def failures(self) -> list[str]:
        return [
            f"detection of {row.attack} on {row.defense} by {row.detector}: {row.reason}"
            for row in self.table
            if row.status == "error"
        ]
