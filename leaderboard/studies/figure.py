"""The curves of studies with their intervals: a panel for each defense and question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.records.study_findings import Curve
from leaderboard.figure import COLOURS, DASHES, INK, head, literal, new_figure, to_png
from leaderboard.studies.schema import StudyReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 3


def draw_studies(reports: Sequence[StudyReport], title: str) -> bytes | None:
    """PNG of every curve; None where there is none."""
    panels: dict[tuple[str, str, str], list[Curve]] = {}
    for report in reports:
        for curve in report.found.curves if report.found else ():
            panels.setdefault((report.study, report.defense, curve.panel), []).append(curve)
    if not panels:
        return None
    across = min(_ACROSS, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(4.3 * across, 3.1 * down + 0.9)
    axes = figure.subplots(down, across, squeeze=False).flatten().tolist()
    for axis, ((study, defense, panel), curves) in zip(axes, panels.items(), strict=False):
        axis.set_title(literal(f"{study}: {defense}\n{panel}"), loc="left", fontsize=9, color=INK)
        _draw(axis, curves)
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    head(figure, "Studies", "Bands: 95 % intervals at each place. Each study's table says what its numbers are.", title)
    return to_png(figure)


def _draw(axis: Axes, curves: Sequence[Curve]) -> None:
    for number, curve in enumerate(curves):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        low = [each.low for each in curve.y if each.low is not None]
        high = [each.high for each in curve.y if each.high is not None]
        if len(low) == len(high) == len(curve.y):
            axis.fill_between(curve.x, low, high, color=colour, alpha=0.12, linewidth=0)
        marker = "o" if len(curve.x) <= 12 else ""
        axis.plot(
            curve.x,
            [each.value for each in curve.y],
            color=colour,
            linestyle=dash,
            marker=marker,
            markersize=3.5,
            linewidth=1.6,
            label=literal(curve.label),
        )
    axis.set_xlabel(literal(curves[0].x_label), color=INK)
    axis.set_ylabel(literal(curves[0].y_label), color=INK, fontsize=8)
    if len(curves) > 1:
        axis.legend(frameon=False, fontsize=8)
    axis.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=INK, length=3)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
