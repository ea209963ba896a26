"""The transfer matrix as text."""

from __future__ import annotations

from leaderboard.schema import TransferEntry, TransferMatrix
from leaderboard.text import with_interval

WHITE_BOX = "†"
"""The mark of an entry whose images were crafted on the target itself."""


def transfer_table(matrix: TransferMatrix) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per source, a column per target; success among attacked images in per cent."""
    headers = ["Crafted on", *(f"{target} (n = {matrix.images(target)})" for target in matrix.targets)]
    cells = [[source, *(_cell(matrix.entry(source, t)) for t in matrix.targets)] for source in matrix.sources]
    return headers, cells


def threat_lines(matrix: TransferMatrix) -> list[tuple[str, str]]:
    """(target, sentence): the threat models, as many for each target as there are budgets."""
    return list(dict.fromkeys((e.target, e.threat) for e in matrix.entries))


def _cell(entry: TransferEntry | None) -> str:
    if entry is None:
        return "–"
    if entry.status != "done":
        return entry.status
    return with_interval(entry.success) + f" {WHITE_BOX}" * entry.white_box
