"""The transfer matrix in every document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from benchmark.suites.suite import Suite
from leaderboard.results import Results
from leaderboard.section import Line, Note, Section, Table, share
from leaderboard.text import escape, markdown_table
from leaderboard.transfer.figure import draw_transfer
from leaderboard.transfer.rows import transfer_matrix
from leaderboard.transfer.schema import TransferEntry, TransferMatrix
from leaderboard.transfer.table import WHITE_BOX, explanation, threat_lines, transfer_table


@dataclass(frozen=True)
class Transfer(Section):
    """Which classifier's adversarial images fool which model."""

    picture = "transfer.png"
    page = "transfer"

    matrix: TransferMatrix

    @classmethod
    def of(cls, results: Results) -> Self | None:
        matrix = transfer_matrix(results)
        return None if matrix is None else cls(matrix)

    @classmethod
    def protocol(cls, suite: Suite) -> str:
        if (table := suite.transfer) is None:
            return ""
        return (
            f"Transfer: {table.norm}, ε = {table.epsilon}; every image that the target gets right is attacked "
            "without asking the target, and what was crafted after the last step is shown to it."
        )

    def markdown(self) -> list[str]:
        matrix = self.matrix
        note = f"{WHITE_BOX} The images were crafted on the target itself (white-box). {explanation(matrix)}"
        sentences = [f"- **{escape(entries)}**: {escape(sentence)}" for entries, sentence in threat_lines(matrix)]
        failed = [
            f"- **{escape(e.source)} → {escape(e.target)}** ({escape(e.status)}): {escape(e.reason)}"
            for e in matrix.entries
            if e.status != "done"
        ]
        parts = [
            "## Transfer",
            markdown_table(*transfer_table(matrix)),
            f"Success in per cent within {escape(matrix.bound)}: share of the n images that the target gets right and "
            f"that fell. {escape(note)}",
            "### Threat models of the transfer table",
            "\n".join(sentences),
        ]
        return [*parts, "### Entries without a result", "\n".join(failed)] if failed else parts

    def terminal(self) -> list[Table | Note]:
        title = f"Transfer, {self.matrix.bound} (success in per cent; {WHITE_BOX} crafted on the target itself)"
        return [Table(title, *transfer_table(self.matrix), detail=True)]

    def rows(self) -> list[Line]:
        return [_line(entry) for entry in self.matrix.entries]

    def figure(self, title: str) -> bytes | None:
        return draw_transfer(self.matrix, title)

    def failures(self) -> list[str]:
        return [
            f"transfer from {entry.source} to {entry.target}: {entry.reason}"
            for entry in self.matrix.entries
            if entry.status == "error"
        ]


def _line(entry: TransferEntry) -> Line:
    return {
        "table": "transfer",
        "defense": entry.target,
        "attack": entry.source,
        "detector": "none",
        "status": entry.status,
        "reason": entry.reason,
        "n": entry.n,
        "threat": entry.threat.sentence() if entry.threat else "",
        "white_box": entry.white_box,
        **share("success", entry.success),
    }
