"""Figures as files: the same figure gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from textwrap import wrap
from typing import TYPE_CHECKING

from benchmark.core.harmless import harmless, line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#222222"
QUIET = "#6b6b6b"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Of Okabe and Ito 2008, Color universal design; without yellow, which is too light for a line."""

DASHES = ("-", "--", ":", "-.")
"""For lines that share a colour."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, outside pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure at 150 dots an inch, without the version of the software that drew it."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def head(figure: Figure, title: str, *caption: str) -> None:
    """A title above the figure, and small lines below it, broken where they would leave it."""
    room = int(15 * figure.get_figwidth())
    lines = [part for sentence in caption for part in wrap(line(sentence), room)]
    figure.suptitle(literal(title), x=0.01, ha="left", color=INK, fontsize=13)
    figure.supxlabel(literal("\n".join(lines)), x=0.01, ha="left", color=QUIET, fontsize=8)


def literal(text: str) -> str:
    """Text from a suite, so that a dollar sign begins no formula; line breaks are our own."""
    return harmless(text).replace("$", r"\$")


def dark(rgba: Sequence[float]) -> bool:
    """Whether white text reads better on a colour than black (relative luminance, WCAG 2.1)."""
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgba[:3]]
    luminance = 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
    return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05
