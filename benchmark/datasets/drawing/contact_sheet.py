"""A page of images of each class and split, as they are used."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmark.core.harmless import line
from benchmark.core.images import ImageData, LabeledImages

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

EACH = 8
"""Images of each class and split."""

_CELL = 96
_GAP = 6
_LABEL = 230
_LINE = 18
_LONGEST = 26


def contact_sheet(data: ImageData) -> bytes:
    """PNG: a row for each class and split, with up to `EACH` images of it, evenly spaced in their order."""
    from PIL import Image, ImageDraw

    splits = {"train": data.train, "validation": data.validation, "evaluation": data.evaluation}
    rows = [(name, label, images) for name, images in splits.items() for label in range(len(data.classes))]
    size = (_LABEL + EACH * (_CELL + _GAP), _GAP + len(rows) * (_CELL + _GAP))
    page = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(page), _font()
    for number, (name, label, images) in enumerate(rows):
        top = _GAP + number * (_CELL + _GAP)
        chosen = _evenly(images, label)
        count = int((images.labels == label).sum())
        for text, at in ((name, 0), (_short(data.classes[label]), 1), (f"{count:,} images", 2)):
            draw.text((_GAP, top + at * _LINE), text, fill="black", font=font)
        for place, row in enumerate(chosen):
            page.paste(_cell(images.pixels[row]), (_LABEL + place * (_CELL + _GAP), top))
    content = BytesIO()
    page.save(content, "PNG")
    return content.getvalue()


def _evenly(images: LabeledImages, label: int) -> list[int]:
    rows = (images.labels == label).nonzero().flatten().tolist()
    wanted = min(EACH, len(rows))
    return [rows[place * len(rows) // wanted] for place in range(wanted)]


def _cell(pixels: Tensor) -> Image:
    from PIL import Image

    shown = pixels.expand(3, -1, -1) if pixels.shape[0] == 1 else pixels
    image = Image.fromarray(shown.permute(1, 2, 0).contiguous().to(torch.uint8).numpy())
    # Every pixel of a small image is to be seen as it is.
    how = Image.Resampling.NEAREST if max(image.size) <= _CELL else Image.Resampling.LANCZOS
    return image.resize((_CELL, _CELL), how)


def _font() -> FreeTypeFont:
    """matplotlib's, since Pillow's own has letters of English alone."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 13)


def _short(name: str) -> str:
    shown = line(name)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
