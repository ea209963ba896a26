"""Survival curves: robust accuracy against attack step, one panel for each defense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leaderboard.figure import COLOURS, DASHES, INK, head, literal, new_figure, to_png
from leaderboard.survival.schema import SurvivalCurve

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

_PANELS_ACROSS = 3


def draw_survival(curves: Sequence[SurvivalCurve], title: str) -> bytes:
    """PNG of the curves whose steps are known; raises ValueError where there is none."""
    shown = [curve for curve in curves if curve.followed]
    if not shown:
        raise ValueError("no attack says at which step an image fell")
    defenses = list(dict.fromkeys(curve.defense for curve in shown))
    attacks = list(dict.fromkeys(curve.attack for curve in shown))
    styles = {a: (COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)]) for i, a in enumerate(attacks)}
    across = min(_PANELS_ACROSS, len(defenses))
    down = -(-len(defenses) // across)
    figure = new_figure(3.4 * across + 2.4, max(2.7 * down + 1.2, 0.21 * len(attacks) + 1.4))
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flatten().tolist()
    longest = max(curve.steps[-1] for curve in shown)
    handles: dict[str, tuple[Line2D, str]] = {}
    for panel, defense in zip(panels, defenses, strict=False):
        own = [curve for curve in shown if curve.defense == defense]
        for number, curve in enumerate(own):
            colour, dash = styles[curve.attack]
            # Every curve begins at the clean accuracy, half a step before the starting image is looked at.
            steps = [-0.5, *curve.steps]
            values = [100 * curve.clean, *(100 * a for a in curve.accuracy)]
            # Later lines are thinner, so that one that runs along another does not hide it.
            width = 2.4 - 1.2 * number / max(5, len(own) - 1)
            (line,) = panel.plot(steps, values, color=colour, linestyle=dash, linewidth=width, drawstyle="steps-post")
            panel.plot(steps[-1], values[-1], marker="o", markersize=3, color=colour)
            handles.setdefault(curve.attack, (line, curve.bound))
        panel.set_title(literal(f"{defense} (n = {own[0].n})"), loc="left", fontsize=10, color=INK)
        panel.set_xscale("symlog", linthresh=1, linscale=0.5)
        panel.set(xlim=(-0.5, 1.15 * max(longest, 1)), ylim=(-2, 100))
        ticks = [0, *(10**k for k in range(len(str(longest))))]
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.set_xticks([], minor=True)
        panel.set_yticks(range(0, 101, 25))
        panel.grid(axis="y", color="#e3e3e3", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.tick_params(colors=INK, length=3, labelbottom=True)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    for spare in panels[len(defenses) :]:
        spare.set_visible(False)
    figure.legend(
        handles=[line for line, _ in handles.values()],
        labels=[literal(f"{attack}, {bound}") for attack, (_, bound) in handles.items()],
        loc="outside right upper",
        frameon=False,
        fontsize=8,
    )
    head(
        figure,
        "Robust accuracy (%) after each attack step",
        "Attack step, counted over restarts; dots: last step.",
        title,
    )
    return to_png(figure)
