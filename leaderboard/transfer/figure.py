"""The transfer matrix as a heat map with the number in every cell."""

from __future__ import annotations

from leaderboard.figure import INK, QUIET, dark, head, literal, new_figure, to_png
from leaderboard.text import percent
from leaderboard.transfer.schema import TransferEntry, TransferMatrix
from leaderboard.transfer.table import explanation


def draw_transfer(matrix: TransferMatrix, title: str) -> bytes:
    """PNG of success in per cent: a row per source, a column per target; entries without a result are hatched."""
    import matplotlib
    from matplotlib.patches import Rectangle

    colours = matplotlib.colormaps["cividis"]
    rows, columns = len(matrix.sources), len(matrix.targets)
    longest = max(len(source) for source in matrix.sources)
    figure = new_figure(1.2 + 0.085 * longest + 1.45 * columns, 2.3 + 0.62 * rows)
    axes = figure.add_subplot()
    for row, source in enumerate(matrix.sources):
        for column, target in enumerate(matrix.targets):
            entry = matrix.entry(source, target)
            share = entry.success.value if entry and entry.success else None
            face = (1.0, 1.0, 1.0, 1.0) if share is None else colours(share)
            hatch = "////" if share is None else None
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor=face, hatch=hatch, edgecolor="#cccccc", linewidth=0)
            )
            ink = "white" if dark(face) else "black"
            axes.text(column + 0.5, row + 0.5, _number(entry), ha="center", va="center", color=ink, fontsize=11)
            if entry is not None and entry.white_box:
                frame = Rectangle((column + 0.035, row + 0.05), 0.93, 0.9, fill=False, edgecolor=ink, linewidth=1.5)
                axes.add_patch(frame)
    for line in range(1, columns):
        # A wide gap before the first defended model, a hair between others.
        first = matrix.targets[line] in matrix.defended and matrix.targets[line - 1] not in matrix.defended
        axes.axvline(line, color="white", linewidth=6 if first else 1)
    for line in range(1, rows):
        axes.axhline(line, color="white", linewidth=1)
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.set_xticks([c + 0.5 for c in range(columns)], [_column(matrix, target) for target in matrix.targets])
    axes.set_yticks([r + 0.5 for r in range(rows)], [literal(source) for source in matrix.sources])
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("Target: the model that is attacked", color=QUIET)
    axes.set_ylabel("Source: crafted on …", color=QUIET)
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    notes = ("Framed: crafted on the target itself (white-box).", explanation(matrix))
    head(figure, f"Transfer: attacked images that fall (%), {matrix.bound}", title, *notes)
    return to_png(figure)


def _number(entry: TransferEntry | None) -> str:
    if entry is None:
        return "–"
    if entry.status != "done":
        return entry.status
    return percent(entry.success.value if entry.success else None, digits=0)


def _column(matrix: TransferMatrix, target: str) -> str:
    return literal(f"{target}\nn = {matrix.images(target)}")
