"""Sweeps as curves with their intervals, one panel for each sweep, defense and detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaderboard.figure import COLOURS, DASHES, INK, head, literal, new_figure, to_png
from leaderboard.sweeps.schema import SweepResult
from leaderboard.sweeps.table import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_ACROSS = 3
_WIDE = 30
"""Largest value as a multiple of the least above 0 from which the axis is logarithmic."""


def draw_sweeps(results: Sequence[SweepResult], title: str) -> bytes:
    """PNG of shares in per cent against the swept values; values that are words stand side by side."""
    found = panels(results)
    curves = list(dict.fromkeys(result.curve for result in results))
    styles = {c: (COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]) for i, c in enumerate(curves)}
    across = min(_ACROSS, len(found))
    down = -(-len(found) // across)
    figure = new_figure(3.6 * across + 1.8, 2.9 * down + 1.2)
    axes = figure.subplots(down, across, squeeze=False).flatten().tolist()
    handles: dict[str, Line2D] = {}
    for panel, ((sweep, defense, detector), own) in zip(axes, found.items(), strict=False):
        watched = "" if detector == "none" else f", {detector}"
        n = max(result.n for result in own)
        titled = f"{literal(sweep)}\n{literal(f'{defense}{watched} (n = {n})')}"
        panel.set_title(titled, loc="left", fontsize=10, color=INK)
        panel.set_xlabel(literal(own[0].point.setting), color=INK)
        places = _places(panel, own)
        for curve in dict.fromkeys(result.curve for result in own):
            shown = [r for r in own if r.curve == curve and r.share is not None]
            if not shown:
                continue
            colour, dash = styles[curve]
            x = [places[r.point.value] for r in shown]
            values = [100 * r.share.value for r in shown if r.share]
            low = [100 * r.share.interval.low for r in shown if r.share]
            high = [100 * r.share.interval.high for r in shown if r.share]
            panel.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            (line,) = panel.plot(x, values, color=colour, linestyle=dash, marker="o", markersize=3.5, linewidth=1.6)
            handles.setdefault(curve, line)
        panel.set(ylim=(-2, 102))
        panel.set_yticks(range(0, 101, 25))
        panel.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.tick_params(colors=INK, length=3)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    for spare in axes[len(found) :]:
        spare.set_visible(False)
    if handles:
        figure.legend(list(handles.values()), [literal(c) for c in handles], loc="outside right upper", frameon=False)
    detected = "; with a detector: misclassified and not flagged at 5 % FPR"
    watched = detected if any(result.detector != "none" for result in results) else ""
    head(figure, f"Accuracy (%) against a setting{watched}", "Bands: 95 % intervals at each value.", title)
    return to_png(figure)


def _places(panel: Axes, own: Sequence[SweepResult]) -> dict[str, float]:
    """Where each value stands on the axis."""
    numbers = {result.point.value: result.point.number for result in own}
    if any(number is None for number in numbers.values()):
        places = {value: float(place) for place, value in enumerate(numbers)}
        panel.set_xticks(list(places.values()), [literal(value) for value in places])
        return places
    places = {value: float(number) for value, number in numbers.items() if number is not None}
    above = [number for number in places.values() if number > 0]
    if above and max(above) > _WIDE * min(above):
        panel.set_xscale("symlog", linthresh=min(above), linscale=0.5)
    if len(places) <= 8:
        panel.set_xticks(list(places.values()), [literal(value) for value in places])
        panel.set_xticks([], minor=True)
    return places
