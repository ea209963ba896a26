"""JPEG compression with a gradient: what an attacker differentiates in place of the codec."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_BLOCK = 8

# ITU-T T.81, tables K.1 and K.2: the quantisation steps at quality 50.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)

# ITU-R BT.601 with the full range, as ITU-T T.871 (JFIF) has it: rows Y, Cb, Cr from R, G, B.
_FROM_RGB = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def differentiable_jpeg(x: Tensor, quality: int) -> Tensor:
    """JPEG's loss with a gradient: images [B, 1 or 3, H, W] in [0, 1] → the same shape and range.

    The baseline codec of ITU-T T.81 with chroma at half resolution (4:2:0), as libjpeg runs it: edges replicated up to
    whole blocks, chroma averaged two by two and brought back by triangle interpolation. The rounding of coefficients is
    ⌊c⌉ + (c − ⌊c⌉)³, whose slope is not zero (Shin and Song 2017, JPEG-resistant adversarial images, section 3);
    roundings to bytes are left out, and where a pixel is clipped to [0, 1] the gradient passes as if it were not, since
    an attacker can bring the pixel back into the range.

    Args:
        x: Images.
        quality: libjpeg's scale, 1 (coarsest) to 100.
    """
    height, width = x.shape[2:]
    if x.shape[1] == 1:
        return _clip((_quantized(x * 255 - 128, _steps(_LUMINANCE, quality, x)) + 128) / 255)
    luma, chroma = _mixed(x * 255, _FROM_RGB).split([1, 2], 1)
    luma = _within_range(_quantized(luma - 128, _steps(_LUMINANCE, quality, x)))
    # libjpeg fills blocks up at full resolution along a row, and at half resolution along a column.
    chroma = nn.functional.avg_pool2d(_replicated(chroma, 2, 2 * _BLOCK), 2)
    chroma = _within_range(_quantized(chroma, _steps(_CHROMINANCE, quality, x)))[..., : -(-width // 2)]
    chroma = nn.functional.interpolate(chroma, scale_factor=2, mode="bilinear")[..., :height, :width]
    return _clip(_mixed(torch.cat([luma + 128, chroma], 1), _TO_RGB) / 255)


def _quantized(plane: Tensor, steps: Tensor) -> Tensor:
    """Level-shifted samples [B, C, H, W] after the transform, its rounding to multiples of `steps`, and back."""
    height, width = plane.shape[2:]
    padded = _replicated(plane, _BLOCK, _BLOCK)
    blocks = padded.unflatten(3, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK)).transpose(3, 4)
    cosines = _cosines(plane)
    coefficients = cosines @ blocks @ cosines.T / steps
    decoded = cosines.T @ (_softly_rounded(coefficients) * steps) @ cosines
    return decoded.transpose(3, 4).flatten(4, 5).flatten(2, 3)[..., :height, :width]


def _softly_rounded(values: Tensor) -> Tensor:
    nearest = values.detach().round()
    rest = values - nearest
    return nearest + rest * rest * rest


def _steps(table: tuple[tuple[int, ...], ...], quality: int, like: Tensor) -> Tensor:
    """The quantisation steps [8, 8] of a quality, by libjpeg's formula (`jpeg_quality_scaling`)."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return torch.tensor([[min(max((s * scale + 50) // 100, 1), 255) for s in row] for row in table]).to(like)


def _cosines(like: Tensor) -> Tensor:
    """The orthonormal cosine transform of T.81, section A.3.3: [8, 8]."""
    frequency, place = torch.arange(_BLOCK)[:, None], torch.arange(_BLOCK)[None]
    matrix = torch.cos((2 * place + 1) * frequency * math.pi / (2 * _BLOCK)) * math.sqrt(2 / _BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix.to(like)


def _replicated(plane: Tensor, rows: int, columns: int) -> Tensor:
    """The plane with its last row and its last column repeated up to multiples of `rows` and `columns`."""
    height, width = plane.shape[2:]
    down = torch.arange(-(-height // rows) * rows, device=plane.device).clamp(max=height - 1)
    across = torch.arange(-(-width // columns) * columns, device=plane.device).clamp(max=width - 1)
    return plane[:, :, down][..., across]


def _mixed(x: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    return torch.einsum("oc,bchw->bohw", torch.tensor(matrix).to(x), x)


def _within_range(plane: Tensor) -> Tensor:
    return _clip((plane + 128) / 255) * 255 - 128


def _clip(x: Tensor) -> Tensor:
    """The nearest value in [0, 1]; backwards, the identity."""
    return x.detach().clamp(0, 1) + (x - x.detach())
