"""Robust accuracy against ε: all rows in one panel, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmark.core.threat import Norm
from benchmark.evaluation.intervals import Estimate
from leaderboard.epsilon.schema import EpsilonCurve
from leaderboard.figure import COLOURS, DASHES, INK, QUIET, head, literal, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = 0.07
"""Distance between the bars of two rows, in steps of the axis."""

_ROOM = 0.6
"""How far the bars of all rows may spread, in steps of the axis."""


def draw_epsilon(
    curves: Sequence[EpsilonCurve], norm: Norm, epsilon: float, constant: Estimate | None, title: str
) -> bytes:
    """PNG of at least one curve.

    Args:
        curves: In the table's order.
        norm: How perturbations are measured.
        epsilon: The table's bound on [0, 1] pixels.
        constant: Accuracy of an answer that looks at no image; None where there is none.
        title: Of the board.
    """
    bounds = sorted({point.epsilon for curve in curves for point in curve.points})
    # The curves' ε double, so that steps of equal width keep small ones apart.
    places = {0.0: 0, **{bound: place for place, bound in enumerate(bounds, start=1)}}
    figure = new_figure(9.2 + 0.3 * max(0, len(curves) - 6), 4.6)
    panel = figure.subplots()
    # Curves of neighbouring ε must not be taken for each other, however many there are.
    apart = min(_APART, _ROOM / len(curves))
    handles = []
    for number, curve in enumerate(curves):
        aside = apart * (number - (len(curves) - 1) / 2)
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        values = [(0.0, curve.clean), *((point.epsilon, point.robust) for point in curve.points)]
        across = [places[bound] + aside for bound, _ in values]
        _bars(panel, across, [value for _, value in values], colour)
        (line,) = panel.plot(
            across, [100 * v.value for _, v in values], color=colour, linestyle=dash, marker="o", markersize=4
        )
        handles.append(line)
        at = min(bounds, key=lambda bound: abs(bound - epsilon))
        if curve.worst is not None:
            _bars(panel, [places[at] + aside], [curve.worst], colour, width=2.6)
            panel.plot(
                places[at] + aside, 100 * curve.worst.value, color=colour, marker="D", markersize=6, markeredgecolor=INK
            )
    if constant is not None:
        panel.axhline(100 * constant.value, color=QUIET, linewidth=1, linestyle=(0, (2, 3)), zorder=0)
    scale, unit = (255, " (1/255)") if norm is Norm.LINF else (1, "")
    panel.set_xticks(list(places.values()), [f"{scale * bound:.3g}" for bound in places])
    panel.set_xlabel(literal(f"Allowed perturbation, {norm.symbol} ε{unit}"), color=INK, fontsize=9)
    panel.set(ylim=(-2, 102))
    panel.set_yticks(range(0, 101, 25))
    panel.grid(axis="y", color="#e3e3e3", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.tick_params(colors=INK, length=3)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    names = [literal(f"{curve.defense} (n = {curve.probed})") for curve in curves]
    figure.legend(handles, names, loc="outside right upper", frameon=False, fontsize=8)
    images = sorted({curve.images for curve in curves})
    dotted = "" if constant is None else " Dotted: one answer to every image."
    head(
        figure,
        "Robust accuracy (%) against the allowed perturbation",
        "Lines: the reliability probe's PGD, each ε attacked by itself, on n images of those that the row gets right, "
        "times its clean accuracy; 95\N{NO-BREAK SPACE}% Wilson intervals. Diamonds: the worst case of all the row's "
        f"attacks on {' or '.join(map(str, images))} images, as in the table; lines rest on fewer images and on one "
        f"attack, so that a diamond may lie to either side.{dotted}",
        title,
    )
    return to_png(figure)


def _bars(panel: Axes, across: Sequence[float], values: Sequence[Estimate], colour: str, *, width: float = 1.1) -> None:
    low, high = ([100 * end for end in ends] for ends in zip(*map(_ends, values), strict=True))
    panel.vlines(across, low, high, color=colour, linewidth=width, alpha=0.65)


def _ends(value: Estimate) -> tuple[float, float]:
    return value.interval.low, value.interval.high
