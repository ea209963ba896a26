"""Moving pixels: an image read at other places than its own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def pixel_positions(images: Tensor) -> Tensor:
    """The place (row, column) of every pixel of `images` [B, C, H, W]: [H, W, 2], in pixels."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device, dtype=images.dtype)
    columns = torch.arange(width, device=images.device, dtype=images.dtype)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=2)


def read_at(images: Tensor, positions: Tensor, *, outside: str) -> Tensor:
    """The images' values at fractional `positions` [B, H, W, 2] (row, column), bilinearly: [B, C, H, W] in [0, 1].

    Args:
        images: [B, C, H, W].
        positions: In pixels; (0, 0) is the centre of the first pixel.
        outside: What lies beyond the border: "zeros" or "border" (the nearest pixel of the image).
    """
    height, width = images.shape[2:]
    size = positions.new_tensor([height, width])
    # torch wants (x, y), and −1 and 1 at the outer edges of the border pixels.
    unit = ((2 * positions + 1) / size - 1).flip(3)
    read: Tensor = grid_sample(images, unit, mode="bilinear", padding_mode=outside, align_corners=False)
    return read.clamp(0, 1)
