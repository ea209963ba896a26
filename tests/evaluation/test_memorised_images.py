"""Models that look their test images up, and models that do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from attacks.gradients.autograd import Autograd
from benchmark.core.batching import BatchSize
from benchmark.core.defended import DefendedModel
from benchmark.core.noise import Noise
from benchmark.core.threat import Norm
from benchmark.evaluation.flags.base import RowEvidence, Verdict
from benchmark.evaluation.flags.memorised_images import MemorisedImages
from benchmark.evaluation.flags.probe import Probe, Shown
from benchmark.evaluation.views import mirrored, shifted
from benchmark.records.defense_record import DefenseTraits

SIDE, EPSILON = 16, 8 / 255
COUNT = 60


def split(name: str) -> tuple[Tensor, Tensor]:
    """Smooth random images, bright above or below the middle, a little more so than ε."""
    noise = Noise.of(0, range(COUNT)).stream(name)
    labels = torch.arange(COUNT) % 2
    smooth = nn.functional.interpolate(noise.uniform((1, 5, 5)), size=SIDE, mode="bicubic").clamp(0, 1)
    tilt = torch.where(torch.arange(SIDE) < SIDE // 2, 1.0, -1.0).view(1, 1, SIDE, 1)
    centred = smooth - (smooth * tilt).flatten(1).mean(1).view(-1, 1, 1, 1) * tilt
    sign = (2 * labels - 1).view(-1, 1, 1, 1)
    return (0.2 + 0.6 * centred + sign * tilt * (0.9 * EPSILON)).clamp(0, 1), labels


class Tilt(nn.Module):
    """Tells the classes apart by which half is brighter: right on views, and broken within ε."""

    def forward(self, x: Tensor) -> Tensor:
        middle = x.shape[2] // 2
        tilt = x[:, :, :middle].flatten(1).mean(1) - x[:, :, middle:].flatten(1).mean(1)
        return 20 * torch.stack([-tilt, tilt], 1)


class Fixed(nn.Module):
    """The same, with a margin that no attack within ε can cross."""

    def forward(self, x: Tensor) -> Tensor:
        return Tilt()((x * 4).round() / 4)


class LookUp(nn.Module):
    """The label of the nearest known image where it is near, as `key` sees it; else what the classifier says."""

    def __init__(self, images: Tensor, labels: Tensor, *, key: Any, reach: float, views: int) -> None:
        super().__init__()
        known = [images]
        if views > 1:
            known = [shifted(images, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        if views > 2:
            known += [mirrored(view) for view in known]
        self.key, self.reach = key, reach
        self.known = torch.cat([key(view).flatten(1) for view in known])
        self.labels = labels.repeat(len(known))

    def forward(self, x: Tensor) -> Tensor:
        own = Tilt()(x)
        distance, nearest = torch.cdist(self.key(x).flatten(1), self.known, p=float("inf")).min(1)
        found = 8.0 * one_hot(self.labels[nearest], 2) + 1e-3 * own
        return torch.where((distance < self.reach)[:, None], found, own)


def pixels(x: Tensor) -> Tensor:
    return x


def coarse(x: Tensor) -> Tensor:
    return adaptive_avg_pool2d(x, 4)


def probe(model: nn.Module) -> Probe:
    shown = {}
    for name in ("evaluation", "validation"):
        images, labels = split(name)
        shown[name] = Shown(images, labels, Noise.of(0, range(COUNT)).stream(name))
    images, labels = split("evaluation")
    with torch.no_grad():
        right = (model(images).argmax(1) == labels).nonzero().flatten()[:24]
    return Probe(
        model=DefendedModel(model),
        undefended=Tilt(),
        traits=DefenseTraits(),
        images=images[right],
        labels=labels[right],
        noise=Noise.of(0, right),
        norm=Norm.LINF,
        epsilon=EPSILON,
        estimator=Autograd(),
        steps=10,
        batch_size=BatchSize(64),
        **shown,
    )


def verdict(model: nn.Module) -> Verdict:
    measured = json.loads(json.dumps(MemorisedImages().measure(probe(model))))
    return MemorisedImages().judge(RowEvidence({}, None, []), measured).verdict  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "reach", "views"),
    [
        (pixels, 1.5 * EPSILON, 1),
        (pixels, 4 * EPSILON, 1),
        (pixels, 2 * EPSILON, 9),
        (pixels, 2 * EPSILON, 18),
        (coarse, 0.04, 1),
        (coarse, 0.04, 18),
    ],
)
@pytest.mark.parametrize("known", ["all", "half", "validation too"])
def test_a_look_up_is_found_whatever_change_it_forgives(key: Any, reach: float, views: int, known: str) -> None:
    images, labels = split("evaluation")
    if known == "half":
        images, labels = images[::3], labels[::3]
    if known == "validation too":
        more = split("validation")
        images, labels = torch.cat([images, more[0]]), torch.cat([labels, more[1]])
    model = LookUp(images, labels, key=key, reach=reach, views=views)
    assert verdict(model) in (Verdict.FAIL, Verdict.UNDECIDED)
    if known != "half":
        assert verdict(model) is Verdict.FAIL


@pytest.mark.parametrize("model", [Tilt(), Fixed()])
def test_a_model_that_knows_no_image_is_not_suspected(model: nn.Module) -> None:
    assert verdict(model) is Verdict.PASS
