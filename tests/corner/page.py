"""The corner's table in `docs/flags.md`."""

from __future__ import annotations

from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from benchmark.evaluation.flags.base import Verdict
from leaderboard.robustness.schema import RobustnessRow

PAGE = Path(__file__).parents[2] / "docs" / "flags.md"
MARK = "<!-- corner -->"
HEAD = ("Control", "What it does", "Truth", "Row", "Because")


@dataclass(frozen=True)
class Line:
    """One control as the table shows it.

    Attributes:
        name, kind, does: The control, the file it stands in, and its docstring.
        truth: The robust accuracy that it may not exceed, in words.
        status: What the harness made of it; with its number where it has a rank.
        because: The flags that failed, or what else speaks against it.
    """

    name: str
    kind: str
    does: str
    truth: str
    status: str
    because: str

    @classmethod
    def of(cls, control: type[Any], kind: str, row: RobustnessRow) -> Line:
        """The line of a defense and its row."""
        failed = [f"`{flag.id}`" for flag in row.flags if flag.verdict is Verdict.FAIL]
        reasons = failed or [remark.partition(" (")[0][:100] for remark in row.remarks[:1]]
        truth = getattr(control, "truth", None)
        ranked = row.status.startswith("ranked") and row.balanced is not None
        return cls(
            control.name,
            kind,
            control.summary(),
            "–" if truth is None else f"{truth:.0%}",
            f"{row.status}, {_rounded(row.balanced.value)}" if ranked and row.balanced else row.status,
            getattr(control, "known_gap", "") or ", ".join(reasons) or "–",
        )

    def cells(self) -> tuple[str, ...]:
        """The line's cells, as Markdown."""
        return (f"{self.kind}: `{self.name}`", self.does, self.truth, self.status, self.because.replace("|", "\\|"))

    def text(self) -> str:
        """The line as Markdown."""
        return "| " + " | ".join(self.cells()) + " |"


def said(line: Line) -> bool:
    """Whether the page has this control, with this truth.

    What the harness made of it is what one machine's arithmetic made: where a control stands on a threshold, another
    processor's rounding gives it another flag. That it never ranks above its truth is asserted for every machine.
    """
    there = [one.split(" | ")[:3] for one in _lines(PAGE.read_text(encoding="utf-8").partition(MARK)[2])]
    return line.text().split(" | ")[:3] in there


def write(line: Line) -> None:
    """Put the line into the page."""
    with PAGE.open("r+", encoding="utf-8") as file:
        # Other controls may be written by other processes.
        flock(file, LOCK_EX)
        before, _, table = file.read().partition(MARK)
        found = {one.split(" | ")[0]: one for one in [*_lines(table), line.text()]}
        head = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
        body = "\n".join([*head, *sorted(found.values())])
        file.seek(0)
        file.truncate()
        file.write(f"{before.rstrip()}\n\n{MARK}\n\n{_TEXT}\n\n{body}\n")


def _lines(table: str) -> list[str]:
    return [one for one in table.splitlines() if one.startswith("| ") and ": `" in one.split(" | ")[0]]


def _rounded(share: float) -> str:
    return f"{5 * round(20 * share)} %"


_TEXT = """\
## The adversary's corner

Dishonest plug-ins of every kind that the authors could think of, and honest ones beside them, go through the whole
harness in `tests/corner` (drawn 16×16 images, L∞ ε = 8/255, 64 images, an undefended network that PGD breaks
completely). A dishonest one must not rank above its truth, which is known by construction; an honest one must rank,
however low; no plug-in may change another row. Where one does all the same, its line says why. The table is written by
the tests, which fail where it lacks a control or where one ranks above its truth; how the rest of a row reads near a
threshold depends on the processor. What remains is in
[threats to the benchmark](threats-to-the-benchmark.md)."""
