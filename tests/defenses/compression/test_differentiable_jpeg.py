"""The JPEG with a gradient: how far it is from the codec, and what attacking through it gains."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attacks.gradients.bpda import BPDA
from attacks.objectives.aim import Aim
from attacks.objectives.margin import Margin
from attacks.pgd import PGD
from benchmark.core.noise import Noise
from defenses.compression.differentiable_jpeg import differentiable_jpeg
from defenses.jpeg import JPEG, compress
from tests.attacks.attacking import attack

SIZES = [(32, 32), (28, 28), (17, 23), (9, 40), (64, 48)]


def photographs(count: int, channels: int, height: int, width: int) -> Tensor:
    """Smooth shapes with grain, in bytes."""
    drawn = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, channels, 5, 5, generator=drawn)
    x = nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    return ((x + 0.05 * torch.randn(x.shape, generator=drawn)).clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("quality", [10, 50, 75, 95])
def test_it_stays_near_the_codec(channels: int, size: tuple[int, int], quality: int) -> None:
    x = photographs(8, channels, *size)
    decoded = compress(x, quality)
    apart, moved = (255 * (differentiable_jpeg(x, quality) - decoded).abs().mean(), 255 * (x - decoded).abs().mean())
    # The soft rounding is up to an eighth of a step from the true one, and the codec rounds to bytes on its way.
    assert apart < (1.5 if channels == 1 else 3.5)
    assert apart < 0.4 * moved


@pytest.mark.parametrize("channels", [1, 3])
def test_blocks_beyond_the_edge_are_filled_as_libjpeg_fills_them(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the codec's own rounding only bytes are left to differ, also where a block sticks out."""
    monkeypatch.setattr("defenses.compression.differentiable_jpeg._softly_rounded", torch.round)
    for height, width in SIZES:
        x = photographs(8, channels, height, width)
        edge = (differentiable_jpeg(x, 10) - compress(x, 10))[..., -4:]
        assert 255 * edge.abs().mean() < (0.7 if channels == 1 else 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (11, 19)], ids=str)
def test_its_gradient_is_its_slope(channels: int, size: tuple[int, int]) -> None:
    drawn = torch.Generator().manual_seed(1)
    # Far from 0 and 1, where the clipping lets a gradient through on purpose.
    x = (0.4 + 0.2 * torch.rand(2, channels, *size, generator=drawn, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: differentiable_jpeg(x, 90), x, eps=1e-5, atol=1e-4, fast_mode=True)


def test_black_and_white_pixels_keep_their_gradient() -> None:
    for level in (0.0, 1.0):
        x = (level + (0.5 - level) * 0.02 * photographs(2, 1, 16, 16)).requires_grad_()
        decoded = differentiable_jpeg(x - 0.2 + 0.4 * level, 75)
        assert torch.equal(decoded.detach(), torch.full_like(decoded, level))
        (gradient,) = torch.autograd.grad(decoded.sum(), x)
        assert gradient.abs().sum() > 0


class Linear(nn.Module):
    """Two classes by the sign of one weighted sum."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        value = ((x - 0.5) * self.weight).flatten(1).mean(1)
        return torch.stack([value, -value], 1)


def test_on_colour_the_identity_leads_astray_and_the_surrogate_does_not() -> None:
    """Smooth colour decides, and the classifier leans on fine grain as well, which JPEG removes.

    The sign of its gradient is the grain's: of what the identity asks for at 16/255, the codec leaves little.
    """
    drawn = torch.Generator().manual_seed(0)

    def smooth(count: int) -> Tensor:
        coarse = torch.randn(count, 3, 3, 3, generator=drawn)
        return nn.functional.interpolate(coarse, size=(32, 32), mode="bicubic")

    colour = smooth(1)
    colour = colour / colour.abs().mean()
    network = Linear(colour + 8 * torch.randn(colour.shape, generator=drawn))
    sign = torch.where(torch.arange(64) % 2 == 0, 1.0, -1.0).view(-1, 1, 1, 1)
    strength = 0.09 * (0.5 + torch.rand(64, 1, 1, 1, generator=drawn))
    x = (0.5 + sign * strength * colour + 0.08 * smooth(64)).clamp(0, 1)
    x = (x * 255).round() / 255
    labels = (sign.flatten() < 0).long()
    model = JPEG(quality=75).defend(network)
    assert torch.equal(model.decide(x, Noise.of(0, range(64))).argmax(1), labels)

    standing = {}
    for surrogate in JPEG.surrogates:
        estimator = BPDA(surrogate=surrogate)
        outcome = attack(PGD(steps=30), model, x, "16/255", aim=Aim(labels), objective=Margin(), estimator=estimator)
        standing[surrogate] = float((~outcome.success).double().mean())
    assert standing["identity"] > 0.6
    assert standing["differentiable JPEG"] < 0.3
