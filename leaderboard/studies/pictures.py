"""Pictures of studies: images in rows and columns, one block for each defended model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.figure import INK, head, literal, new_figure, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from numpy.typing import NDArray

_SIDE = 1.15
"""Of an image, in inches, with its share of the space around it."""


@dataclass(frozen=True)
class Block:
    """Pictures of one study of one defended model.

    Attributes:
        title: What stands above them.
        rows, columns: Labels.
        images: uint8 [rows, columns, C, H, W].
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    images: NDArray[Any]


def draw_pictures(blocks: Sequence[Block], title: str, *, phantom: bool) -> bytes:
    """PNG of at least one block, each image between 0 and 255 without any stretching of its grey levels."""
    widest = max(len(block.columns) for block in blocks)
    heights = [_SIDE * len(block.rows) + 0.5 for block in blocks]
    figure = new_figure(max(4.5, _SIDE * (widest + 1)), sum(heights) + 0.8)
    parts = figure.subfigures(len(blocks), 1, squeeze=False, height_ratios=heights).flatten().tolist()
    for part, block in zip(parts, blocks, strict=True):
        _draw(part, block)
    drawn = "The images are drawn and show no patient." if phantom else ""
    head(figure, "Pictures of the studies", *filter(None, (drawn, title)))
    return to_png(figure)


def _draw(part: SubFigure, block: Block) -> None:
    part.suptitle(literal(block.title), x=0.01, ha="left", color=INK, fontsize=10)
    axes = part.subplots(len(block.rows), len(block.columns), squeeze=False)
    for row, label in enumerate(block.rows):
        for column, name in enumerate(block.columns):
            axis: Axes = axes[row, column]
            pixels = np.moveaxis(block.images[row, column], 0, -1)
            axis.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(literal(name), fontsize=8, color=INK)
            if column == 0:
                axis.set_ylabel(literal(label), fontsize=8, color=INK)
