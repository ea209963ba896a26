"""Evaluation images that no file holds: moved, mirrored or slightly changed, and of the same class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from benchmark.core.noise import Noise

MOST_SHIFT, MOST_ZOOM, MOST_DEGREES, MOST_GAMMA, MOST_NOISE = 2.0, 0.03, 3.0, 0.1, 2 / 255
"""How much `composite` does at most: pixels, shares, degrees, shares of the exponent, and values of a pixel."""


MOST_OFF, FADING = 0.1, 32.0
"""Where images are joined: how far from the middle, and how sharply, both in units of the image's height."""


def shifted(x: Tensor, dy: int | Tensor, dx: int | Tensor) -> Tensor:
    """Images [B, C, H, W] moved by whole pixels, down and to the right where positive; their edges are repeated.

    Args:
        x: The images.
        dy, dx: Pixels, for all images or one number for each: int64 [B].
    """
    import torch

    height, width = x.shape[2:]
    down, right = (torch.as_tensor(d, device=x.device).expand(x.shape[0])[:, None] for d in (dy, dx))
    rows = (torch.arange(height, device=x.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=x.device) - right).clamp(0, width - 1)
    image = torch.arange(x.shape[0], device=x.device)[:, None, None]
    return x.movedim(1, 3)[image, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def mirrored(x: Tensor) -> Tensor:
    """Images [B, C, H, W] with left and right exchanged."""
    return x.flip(-1)


def moved(x: Tensor, noise: Noise) -> Tensor:
    """Each image mirrored or shifted by one pixel to one of its eight sides, or both, as `noise` decides: [B, C, H, W].

    Pixel values stay those of the file, and no file holds the image.
    """
    import torch

    which = (noise.stream("moved").uniform((1,), dtype=torch.float64).flatten() * 17).long()
    # Of 2 × 9 ways the first leaves the image where it is.
    mirror, place = (which + 1) // 9, (which + 1) % 9
    # Place 0 is no shift; the others go round the centre.
    place = torch.where(place == 0, 4, place - (place <= 4).long())
    flipped = torch.where(mirror.view(-1, 1, 1, 1) == 1, mirrored(x), x)
    return shifted(flipped, place // 3 - 1, place % 3 - 1)


def joined(x: Tensor, labels: Tensor, noise: Noise) -> Tensor:
    """Each image joined to another of its class along a line through the middle, which fades over a few pixels.

    What learnt the class finds it on either side; what looks an image up finds neither whole. A class with one image
    is joined to itself.

    Args:
        x: float [B, C, H, W] in [0, 1].
        labels: int64 [B].
        noise: Decides who is joined to whom, and where.

    Returns:
        float [B, C, H, W] in [0, 1].
    """
    import torch

    noise = noise.stream("joined")
    place = noise.stream("place").uniform((3,), dtype=torch.float64)
    partner = torch.empty_like(labels)
    for rows in [(labels == label).nonzero().flatten() for label in labels.unique()]:
        order = rows[place[rows, 0].argsort()]
        partner[order] = order.roll(1)
    height, width = x.shape[2:]
    down, across = (torch.arange(n, device=x.device) - (n - 1) / 2 for n in (height, width))
    angle, off = (2 * torch.pi * place[:, 1])[:, None, None], (place[:, 2] - 0.5)[:, None, None] * MOST_OFF * height
    distance = down[:, None] * angle.sin() + across * angle.cos() - off
    share = torch.sigmoid(distance * FADING / height)[:, None].to(x.dtype)
    return share * x + (1 - share) * x[partner]


def composite(x: Tensor, noise: Noise) -> Tensor:
    """Each image mirrored, then shifted, zoomed and turned a little, with another contrast and some noise.

    What looks an image up by its pixels, by those of its mirror image, or shift by shift, does not find it; to a
    reader it shows the same. At most two pixels, 3 %, 3°, an exponent 10 % from one, and noise of 2/255 a pixel.

    Args:
        x: float [B, C, H, W] in [0, 1].
        noise: Decides how much of each.

    Returns:
        float [B, C, H, W] in [0, 1].
    """
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    noise = noise.stream("composite")
    height, width = x.shape[2:]
    down, right, zoom, turn, contrast = (2 * noise.stream("amounts").uniform((5,)) - 1).to(x.dtype).unbind(1)
    scale, angle = 1 + MOST_ZOOM * zoom, math.radians(MOST_DEGREES) * turn
    cos, sin = scale * angle.cos(), scale * angle.sin()
    aspect = height / width
    matrix = torch.stack(
        [
            torch.stack([cos, -sin * aspect, 2 * MOST_SHIFT * right / width], 1),
            torch.stack([sin / aspect, cos, 2 * MOST_SHIFT * down / height], 1),
        ],
        1,
    )
    grid = affine_grid(matrix, list(x.shape), align_corners=False)
    placed = grid_sample(mirrored(x), grid, mode="bilinear", padding_mode="border", align_corners=False)
    exponent = (1 + MOST_GAMMA * contrast).view(-1, 1, 1, 1)
    grain = MOST_NOISE * (2 * noise.stream("grain").uniform(x.shape[1:], dtype=x.dtype) - 1)
    return (placed.clamp(0, 1) ** exponent + grain).clamp(0, 1)
