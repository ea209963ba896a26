"""Strips of images: a block for each row, with what the model said below each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.figure import INK, head, literal, new_figure, to_png
from leaderboard.strip.schema import Answer, AttackStrip, Pixels, ShownImage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

_ACROSS = 2
_WRONG = "#B3261E"
_SIDE = 1.05
"""Of an image, in inches, with its share of the space around it."""


def draw_strips(strips: Sequence[AttackStrip], unread: Mapping[str, str], title: str, *, phantom: bool) -> bytes:
    """PNG of at least one strip.

    Args:
        strips: In the table's order.
        unread: By defense, why there is none.
        title: Of the board.
        phantom: Whether the images are drawn and show no patient.
    """
    across = min(_ACROSS, len(strips))
    down = -(-len(strips) // across)
    lines = max(len(_kinds(strip)) for strip in strips)
    columns = max(len(strip.images) for strip in strips)
    figure = new_figure(max(6.0, across * (columns * _SIDE + 0.8)), down * (lines * (_SIDE + 0.18) + 0.4) + 1.2)
    blocks = np.ravel(figure.subfigures(down, across, squeeze=False))
    for block, strip in zip(blocks, strips, strict=False):
        _draw(block, strip, lines, columns)
    drawn = " The images are drawn and show no patient." if phantom else ""
    head(
        figure,
        "Images before and after each row's strongest attack",
        "Of the evaluation images that a row gets right, the first of each class, then the second, up to four; nobody "
        "chose them. Below: the deployed model's answer and its probability, red where it is wrong. Difference: "
        "submitted minus clean, times the factor beside it, on grey. Purified: what the classifier saw of the "
        f"submitted image, of a random defense in the first draw.{drawn}",
        *(f"{defense} is not shown: {reason}" for defense, reason in unread.items()),
        title,
    )
    return to_png(figure)


def _kinds(strip: AttackStrip) -> list[str]:
    purified = all(image.purified is not None for image in strip.images)
    return ["clean", "submitted", f"difference\n× {strip.factor}", *["purified"] * purified]


def _draw(block: SubFigure, strip: AttackStrip, lines: int, columns: int) -> None:
    block.suptitle(literal(f"{strip.defense}: {strip.attack}, {strip.bound}"), fontsize=9, color=INK)
    panels = block.subplots(lines, columns, squeeze=False)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.set_frame_on(False)
    for line, kind in enumerate(_kinds(strip)):
        panels[line, 0].set_ylabel(kind, fontsize=8, color=INK)
        for column, image in enumerate(strip.images):
            pixels, answer = _shown(image, line, strip.factor)
            _image(panels[line, column], pixels)
            if answer is not None:
                said = f"{shorten(answer.said, 16, placeholder='…')} {100 * answer.probability:.0f} %"
                panels[line, column].set_xlabel(
                    literal(said), fontsize=7, labelpad=2, color=INK if answer.right else _WRONG
                )


def _shown(image: ShownImage, line: int, factor: int) -> tuple[Pixels, Answer | None]:
    if line == 0:
        return image.clean, image.before
    if line == 1:
        return image.adversarial, image.after
    if line == 2:
        return 0.5 + factor * (image.adversarial - image.clean), None
    assert image.purified is not None
    return image.purified, None


def _image(panel: Axes, pixels: Pixels) -> None:
    """Grey for one channel, colour for three; of any other number the mean."""
    if len(pixels) == 3:
        panel.imshow(pixels.transpose(1, 2, 0).clip(0, 1), interpolation="nearest")
    else:
        panel.imshow(pixels.mean(0), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
