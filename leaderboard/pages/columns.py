"""Columns of a table as wide as a screen, without a word cut."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from leaderboard.text import unbroken

GAP = 2
"""Blanks between two columns."""
_COMFORT = 24
"""Wider cells may be broken between words."""
_WORD = re.compile(r"\[[^\]]*\]|\S+")


def columns_that_fit(
    headers: Sequence[str], cells: Sequence[Sequence[str]], extra: Sequence[Sequence[int]], width: int
) -> dict[int, int] | None:
    """Which columns stand side by side, each with its width.

    A column is never narrower than its longest word, or interval; a number and its interval are one, where the others
    then still fit. Groups of `extra` are added in their order, each where it fits beside columns of a comfortable
    width. What room is left goes to the column that lacks most of its longest cell.

    Args:
        headers: Of C columns.
        cells: [rows][C] text, one line each.
        extra: Groups of columns, by number, that may be left out.
        width: Of the screen.

    Returns:
        Width by number of the column, in the table's order; None where not even the others fit.
    """
    texts = [[header, *(row[at] for row in cells)] for at, header in enumerate(headers)]
    wished = [max(map(cell_len, column)) for column in texts]
    chosen = set(range(len(headers))) - {at for group in extra for at in group}
    least = [max(cell_len(word) for text in column for word in _words(text)) for column in texts]
    if _needed(chosen, least) > width:
        least = [
            max((cell_len(word) for text in column for word in _WORD.findall(text)), default=0) for column in texts
        ]
    if _needed(chosen, least) > width:
        return None
    comfortable = [max(word, min(whole, _COMFORT)) for word, whole in zip(least, wished, strict=True)]
    for group in extra:
        if _needed(chosen | set(group), comfortable) <= width:
            chosen |= set(group)
    widths = {at: least[at] for at in sorted(chosen)}
    for _ in range(width - _needed(chosen, least)):
        at = max(widths, key=lambda column: wished[column] - widths[column])
        if widths[at] >= wished[at]:
            break
        widths[at] += 1
    return widths


def _words(text: str) -> list[str]:
    return unbroken(text).replace("\t", " ").split(" ")


def _needed(columns: set[int], least: Sequence[int]) -> int:
    return sum(least[at] for at in columns) + GAP * max(0, len(columns) - 1)
