"""The transfer matrix as text."""

from __future__ import annotations

from leaderboard.text import with_interval
from leaderboard.transfer.schema import TransferEntry, TransferMatrix

WHITE_BOX = "†"
"""The mark of an entry whose images were crafted on the target itself."""


def transfer_table(matrix: TransferMatrix) -> tuple[list[str], list[list[str]]]:
    """(headers, cells): a line per source, a column per target; success among attacked images in per cent."""
    headers = ["Crafted on", *(f"{target} (n = {matrix.images(target)})" for target in matrix.targets)]
    cells = [[source, *(_cell(matrix.entry(source, t)) for t in matrix.targets)] for source in matrix.sources]
    return headers, cells


def threat_lines(matrix: TransferMatrix) -> list[tuple[str, str]]:
    """(which entries, sentence) for each threat model; those that differ in the operating threshold alone share one."""
    groups: dict[str, list[TransferEntry]] = {}
    for entry in matrix.entries:
        sentence = entry.threat.sentence(threshold="the target's operating threshold") if entry.threat else ""
        groups.setdefault(sentence, []).append(entry)
    return [(_which(matrix, entries), sentence) for sentence, entries in groups.items()]


def explanation(matrix: TransferMatrix) -> str:
    """What a reader of the table or the figure must know beside its labels; empty where that is nothing."""
    parts = []
    if "ensemble" in matrix.sources:
        parts.append("ensemble: the mean of the logits of all classifiers but the target's own.")
    if matrix.defended:
        parts.append(f"{', '.join(matrix.defended)}: defending {matrix.classifier}.")
    return " ".join(parts)


def _which(matrix: TransferMatrix, entries: list[TransferEntry]) -> str:
    present = {e.source for e in entries}, {e.target for e in entries}
    sources = ", ".join(source for source in matrix.sources if source in present[0])
    targets = ", ".join(target for target in matrix.targets if target in present[1])
    return f"{'the target itself' if entries[0].white_box else sources} → {targets}"


def _cell(entry: TransferEntry | None) -> str:
    if entry is None:
        return "–"
    if entry.status != "done":
        return entry.status
    return with_interval(entry.success) + f" {WHITE_BOX}" * entry.white_box
