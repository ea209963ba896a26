"""The recipe of the chest phantom: a frontal radiograph from a few smooth shapes.

Coordinates are (across, down) in [-1, 1]; the patient's left is on the right, as radiographs are read. Brightness is
how much the body absorbs: bone and water bright, air dark. Anatomy, exposure and noise differ from image to image,
and faint opacities compete with vessels, breast shadows and noise, so that no classifier can be right every time.
Everything is drawn in float64 from uniform numbers, which are the same bits everywhere: what processors round
differently then vanishes in the 8 bits that are kept, and the images have the same fingerprint on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmark.core.noise import Noise

_OPACITIES = 3
Draw = Callable[[float, float], Tensor]


def draw_chests(numbers: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Radiographs float64 [N, size, size] in [0, 1], and which of them show disease, bool [N]."""
    noise = Noise.of(0, numbers).stream("chest-phantom")
    diseased = noise.stream("disease").uniform((1,))[:, 0] < 0.5
    draw = _numbers(noise.stream("anatomy"), 48)
    across, down = _grid(draw, size)
    edge = max(0.03, 1.0 / size)

    lungs, image = _thorax(across, down, draw, edge)
    image = image + _bones(across, down, draw, lungs)
    image = image + lungs * 0.035 * _texture(noise.stream("vessels"), size, 11)
    strength = _opacities(across, down, _numbers(noise.stream("opacities"), 8 * _OPACITIES)) * lungs
    mottled = strength * (1 + 0.35 * _texture(noise.stream("mottle"), size, 12))
    image = image + mottled * diseased[:, None, None]

    exposure, contrast = draw(-0.08, 0.08), draw(0.8, 1.2)
    image = (image - 0.45) * contrast + 0.45 + exposure
    grain = _centred(noise.stream("grain"), (2, size, size)).sum(1) * draw(0.007, 0.021)
    return (image + grain).clamp(0, 1), diseased


def _thorax(across: Tensor, down: Tensor, draw: Draw, edge: float) -> tuple[Tensor, Tensor]:
    """Where the lungs are (0 to 1), and the soft tissue: trunk, mediastinum, heart, diaphragm, breasts."""
    slope = draw(-0.98, -0.86) + draw(0.45, 0.65) * (across.abs() - 0.2).clamp(min=0)
    width, neck = draw(0.86, 1.0) + 0.05 * down, draw(0.22, 0.30)
    trunk = _inside((width - across.abs()).minimum(down - slope).maximum(neck - across.abs()), edge)

    dome = torch.where(across < 0, draw(0.44, 0.62), draw(0.50, 0.68)) + 0.9 * (across.abs() - 0.36) ** 2
    middle, breadth = draw(0.40, 0.45) + 0.10 * down, draw(0.25, 0.30) + 0.11 * down
    top, height = draw(0.08, 0.16), draw(0.88, 0.98)
    lobe = 1 - ((across.abs() - middle) / breadth).abs() ** 2.2 - ((down - top) / height).abs() ** 2.6
    lungs = _inside((lobe * 0.22).minimum(dome - down), edge)

    heart_across, heart_down = draw(0.06, 0.16), draw(0.24, 0.36)
    tilted = across - heart_across + 0.4 * (heart_down - down)
    heart = 1 - (tilted / draw(0.28, 0.40)) ** 2 - ((down - heart_down) / draw(0.32, 0.42)) ** 2
    middle_shadow = _inside((0.2 * heart).maximum(draw(0.13, 0.19) - across.abs() + 0.04 * down), 1.6 * edge)
    lungs = lungs * (1 - 0.92 * middle_shadow)

    belly = _inside(down - dome, 1.5 * edge)
    image = 0.05 + trunk * (draw(0.50, 0.60) + 0.16 * torch.maximum(belly, middle_shadow) - draw(0.24, 0.36) * lungs)
    hilum = _pair(across, down, 0.24, draw(-0.02, 0.1), draw(0.09, 0.15), draw(0.14, 0.24))
    breasts = _pair(across, down, draw(0.42, 0.55), draw(0.35, 0.6), 0.30, 0.24)
    return lungs, image + (draw(0.04, 0.12) * hilum + draw(-0.06, 0.12).clamp(min=0) * breasts) * trunk


def _bones(across: Tensor, down: Tensor, draw: Draw, lungs: Tensor) -> Tensor:
    """Ribs, clavicles and spine, as what they add."""
    arch = down - draw(0.9, 1.2) * (across.abs() - draw(0.2, 0.3)) ** 2
    ribs = torch.cos((arch * draw(3.6, 4.4) + draw(0, 1)) * 2 * torch.pi).clamp(min=0)
    collar = draw(-0.66, -0.56) - draw(0.15, 0.3) * (across.abs() - 0.1)
    length = _inside(0.62 - across.abs(), 0.05) * _inside(across.abs() - 0.1, 0.05)
    clavicles = torch.exp(-(((down - collar) / 0.045) ** 2)) * length
    spine = torch.exp(-((across / 0.09) ** 2)) * (0.7 + 0.3 * torch.cos(down * 30))
    return draw(0.05, 0.10) * ribs * (0.15 + 0.85 * lungs) * (across.abs() < 0.8) + 0.10 * clavicles + 0.06 * spine


def _opacities(across: Tensor, down: Tensor, draw: Draw) -> Tensor:
    """One to three cloudy patches in the lung fields, from barely visible to dense."""
    total = torch.zeros_like(across)
    for number in range(_OPACITIES):
        side = torch.where(draw(0, 1) < 0.5, -1.0, 1.0)
        present = 1.0 if number == 0 else (draw(0, 1) < 0.35).float()
        patch = _blob(across - side * draw(0.26, 0.56), down - draw(-0.4, 0.45), draw(0.10, 0.26), draw(0.10, 0.28))
        total = total + patch * draw(0.10, 0.42) * present
    return total


def _grid(draw: Draw, size: int) -> tuple[Tensor, Tensor]:
    """Where each pixel is in the body: [N, size, size] twice, shifted, scaled and turned a little."""
    line = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 / size) - 1
    x, y = line[None, None, :] - draw(-0.06, 0.06), line[None, :, None] - draw(-0.06, 0.06)
    angle, scale = draw(-0.06, 0.06), draw(0.94, 1.08)
    return (x * angle.cos() + y * angle.sin()) * scale, (y * angle.cos() - x * angle.sin()) * scale


def _numbers(noise: Noise, count: int) -> Draw:
    """Successive uniform numbers for every image: draw(low, high) → [N, 1, 1]."""
    columns = iter(noise.uniform((count,), dtype=torch.float64).unbind(1))
    return lambda low, high: low + (high - low) * next(columns)[:, None, None]


def _centred(noise: Noise, shape: tuple[int, ...]) -> Tensor:
    """Uniform numbers of mean 0 and variance 1."""
    return (noise.uniform(shape, dtype=torch.float64) - 0.5) * 12**0.5


def _inside(distance: Tensor, edge: float) -> Tensor:
    return torch.sigmoid(distance / edge * 2)


def _blob(x: Tensor, y: Tensor, width: float | Tensor, height: float | Tensor) -> Tensor:
    return torch.exp(-((x / width) ** 2) - (y / height) ** 2)


def _pair(
    across: Tensor, down: Tensor, aside: float | Tensor, below: Tensor, width: float | Tensor, height: float | Tensor
) -> Tensor:
    """A blob on either side of the midline."""
    return _blob(across.abs() - aside, down - below, width, height)


def _texture(noise: Noise, size: int, cells: int) -> Tensor:
    """Smooth random mottle of about `cells` spots across: [N, size, size]."""
    coarse = _centred(noise, (1, cells, cells))
    return interpolate(coarse, (size, size), mode="bicubic", align_corners=False)[:, 0]
