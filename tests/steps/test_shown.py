"""Which images are kept to be looked at, and that what is kept is what the classifier saw."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from benchmark.core.defended import DefendedModel
from benchmark.core.images import LabeledImages
from benchmark.core.noise import Noise
from benchmark.steps.shown import shown_images, shown_rows


@pytest.mark.parametrize(
    ("labels", "rows"),
    [
        ([1, 1, 1, 1, 0, 1, 0], [0, 1, 4, 6]),
        ([0, 0, 0, 0, 0], [0, 1, 2, 3]),
        ([3, 3, 0, 1, 2, 4], [0, 2, 3, 4]),
        ([1], [0]),
        ([], []),
    ],
)
def test_the_first_of_each_class_come_before_the_second(labels: list[int], rows: list[int]) -> None:
    assert shown_rows(torch.tensor(labels, dtype=torch.int64)).tolist() == rows


class Remembering(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return x.flatten(1)[:, :2]


def test_the_purified_picture_is_the_first_draw_that_the_verdict_saw() -> None:
    pixels = torch.randint(0, 256, (9, 1, 4, 4), dtype=torch.uint8)
    images = LabeledImages(pixels, torch.arange(9) % 2, tuple(map(str, range(9))))
    submitted, noise = (images.floats() + 0.1).clamp(0, 1), Noise.of(5, images.index)
    classifier = Remembering()

    def purify(x: Tensor, noise: Noise) -> Tensor:
        return (x + 0.2 * noise.normal(x.shape[1:])).clamp(0, 1)

    model = DefendedModel(classifier, purify=purify, votes=3, randomized=True)
    model.decide(submitted, noise)
    first_draws = classifier.seen[::3][:4]
    kept = shown_images(model, images, submitted, noise, purifier=True, device=torch.device("cpu"))
    assert kept["shown"].tolist() == [0, 1, 2, 3]
    assert torch.equal(kept["clean"], pixels[:4])
    assert torch.equal(kept["purified"], (255 * first_draws).round().to(torch.uint8))


def test_a_purifier_that_fails_on_a_few_images_takes_no_numbers_with_it() -> None:
    def purify(x: Tensor, noise: Noise) -> Tensor:
        raise RuntimeError("on purpose")

    images = LabeledImages(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"))
    model = DefendedModel(Remembering(), purify=purify)
    noise = Noise.of(0, images.index)
    kept = shown_images(model, images, images.floats(), noise, purifier=True, device=torch.device("cpu"))
    assert set(kept) == {"shown", "clean"}
