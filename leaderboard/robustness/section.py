"""The robustness table in every document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from benchmark.core.harmless import line
from benchmark.suites.suite import Suite
from leaderboard.reference.rows import Reference, reference
from leaderboard.results import Results
from leaderboard.robustness.completion import completion
from leaderboard.robustness.flat import flat_row
from leaderboard.robustness.rows import robustness_rows
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.robustness.screen import screen_table
from leaderboard.robustness.table import robustness_table
from leaderboard.section import Line, Note, Section, Table
from leaderboard.text import escape, markdown_table


@dataclass(frozen=True)
class Robustness(Section):
    """What every defense keeps under its attacks.

    Attributes:
        table: The rows, ranked ones first.
        reference: The constant answer on the same images; None where there are none.
        completions: By row that lacks attacks, the tables of a suite that complete it.
    """

    unasked = True
    page = "robustness"

    table: tuple[RobustnessRow, ...]
    reference: Reference | None = None
    completions: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Results) -> Self | None:
        rows = results.once(robustness_rows)
        if not rows:
            return None
        found = {row.defense: completion(results.run, row.defense) for row in rows}
        return cls(rows, results.once(reference), {defense: tables for defense, tables in found.items() if tables})

    @classmethod
    def protocol(cls, suite: Suite) -> str:
        if (table := suite.robustness) is None:
            return ""
        return (
            f"Robustness: {table.norm}, ε = {table.epsilon} on [0, 1] pixels unless a threat model differs. "
            "An attack on an image ends at its first verified success."
        )

    def markdown(self) -> list[str]:
        parts = [
            "## Robustness",
            markdown_table(*robustness_table(self.table, self.reference)),
            "Per cent. Rows rank by balanced accuracy in the worst case: the mean over classes of the share of the "
            "class that is right on clean input and after every attack. Rank 1 + the number of rows that are told "
            "apart and better, with its 95 % interval; rows that cannot be told apart share one. Worst case: an image "
            "is broken once any attack broke it at any step; sensitivity and specificity count it as wrong. AUROC, "
            "final image: of one decision on the image, clean or submitted by an attack, that leaves the true class "
            "the least probability. Passes: mean forward + backward passes per attacked image and attack. n/a: "
            "pairings without sense.",
        ]
        if self.reference is not None:
            parts.append(
                "The last line is what the answer to look at no image gets; a row that is not above it says so in its "
                "status."
            )
        for defense, tables in self.completions.items():
            # Indented, since no text inside can end such a block.
            block = "\n".join(f"    {line(text)}" for text in tables.splitlines())
            parts += [f"To complete the row {escape(defense)}, add to the suite:", block]
        return parts

    def terminal(self) -> list[Table | Note]:
        bounds = {attack.bound for row in self.table for attack in row.attacks if attack.bound}
        within = f", {bounds.pop()}" if len(bounds) == 1 else ""
        title = f"Robustness{within} (per cent, 95 % intervals)"
        shown: list[Table | Note] = [Table(title, *screen_table(self.table, self.reference))]
        for row in self.table:
            shown.append(Note(f"{row.defense}: {row.threat}", detail=True))
            if row.remarks:
                shown.append(Note(f"  {row.status}: {'; '.join(row.remarks)}", "yellow", detail=True))
        return shown

    def rows(self) -> list[Line]:
        return [line for row in self.table for line in flat_row(row)]

    def failures(self) -> list[str]:
        return [line for row in self.table for line in _failures(row)]


def _failures(row: RobustnessRow) -> Iterator[str]:
    if row.status == "error":
        yield f"row {row.defense}: {'; '.join(row.remarks) or 'it has no result'}"
        return
    done = [attack for attack in row.attacks if attack.status == "done"]
    # An image that the model gets wrong is not attacked.
    if done and all(attack.success is None for attack in done):
        yield f"row {row.defense}: no image was attacked, because the model gets none of the {row.n} right"
