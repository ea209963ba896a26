"""Real beside generated images: a block for each energy, a line for each length of its chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.energies.schema import Energy
from leaderboard.figure import INK, head, literal, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

_ACROSS = 2
_SIDE = 0.8
"""Of an image, in inches."""


@dataclass(frozen=True)
class EnergyImages:
    """What chains made of images.

    Attributes:
        whose: Labels of the defenses.
        energy: What is known of it; it has a look for every line of images.
        images: uint8 [looks, n, C, H, W].
    """

    whose: str
    energy: Energy
    images: NDArray[Any]


def draw_energies(shown: Sequence[EnergyImages], unread: Mapping[str, str], title: str, *, phantom: bool) -> bytes:
    """PNG of at least one energy.

    Args:
        shown: In the table's order.
        unread: By labels, why it is not shown.
        title: Of the board.
        phantom: Whether the data are drawn and show no patient.
    """
    across = min(_ACROSS, len(shown))
    down = -(-len(shown) // across)
    lines, columns = (max(block.images.shape[axis] for block in shown) for axis in (0, 1))
    figure = new_figure(max(7.0, across * (columns * _SIDE + 1.0)), down * (lines * (_SIDE + 0.06) + 0.4) + 1.3)
    for block, of in zip(np.ravel(figure.subfigures(down, across, squeeze=False)), shown, strict=False):
        _draw(block, of, columns)
    drawn = " The data are drawn and show no patient." if phantom else ""
    head(
        figure,
        "Data, and what long chains on each energy make of them",
        "First line: training images, at even distances in the training set; nobody chose them. Below: the same images "
        "after a short chain of Langevin steps, ten times and a hundred times as many. A convergent energy still shows "
        f"images of the same kind, though not the same images.{drawn}",
        *(f"{whose} is not shown: {reason}" for whose, reason in unread.items()),
        title,
    )
    return to_png(figure)


def _draw(block: SubFigure, of: EnergyImages, columns: int) -> None:
    block.suptitle(literal(f"{of.whose}: {of.energy.verdict}"), fontsize=9, color=INK)
    panels = block.subplots(len(of.images), columns, squeeze=False)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.set_frame_on(False)
    for line, (look, images) in enumerate(zip(of.energy.looks, of.images, strict=True)):
        said = f"{look.steps} steps" if look.steps else "data"
        panels[line, 0].set_ylabel(said if look.mean is not None else f"{said}\ndiverged", fontsize=8, color=INK)
        for panel, pixels in zip(panels[line], images, strict=False):
            if look.mean is None:
                continue
            if len(pixels) == 3:
                panel.imshow(pixels.transpose(1, 2, 0), interpolation="nearest")
            else:
                panel.imshow(pixels.mean(0), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
