"""The drawn chest: reproducible, learnable, and marked as drawn."""

from __future__ import annotations

import pytest
import torch

from benchmark.core.errors import UserError
from benchmark.datasets.chest_phantom import ChestPhantom, draw
from benchmark.datasets.drawing.chest import draw_chests


def test_marked_as_phantom_and_without_copies():
    data = ChestPhantom(count=1000).load(root=None)
    assert data.phantom
    assert "phantom" in data.title.lower()
    assert [len(s) for s in (data.train, data.validation, data.evaluation)] == [700, 100, 200]
    assert not any("cop" in note or "both" in note for note in data.notes)
    assert data.fingerprint() == ChestPhantom(count=1000).load(root=None).fingerprint()


def test_each_image_depends_on_its_number_alone():
    pixels, labels = draw(torch.arange(1100), 28)
    chosen = torch.tensor([1050, 3, 511, 512])
    alone, alone_labels = draw(chosen, 28)
    assert torch.equal(alone_labels, labels[chosen])
    assert torch.equal(alone, pixels[chosen])


def test_pixels_are_the_same_bytes_for_any_number_of_threads():
    before = torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            drawn.append(draw_chests(torch.arange(300), 28)[0].mul(255).round())
        draw(torch.arange(10), 28)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*drawn)


def test_fingerprint_is_that_of_every_other_machine():
    assert ChestPhantom(count=1000).load(root=None).fingerprint() == "709ca9649d5e2feba4f986d914b2be7a"


def test_same_patients_at_every_size():
    small, labels = draw(torch.arange(60), 28)
    large, large_labels = draw(torch.arange(60), 112)
    assert torch.equal(labels, large_labels)
    shrunk = torch.nn.functional.avg_pool2d(large.float(), 4)
    x, y = small.float().flatten(1), shrunk.flatten(1)
    correlation = torch.nn.functional.cosine_similarity(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))
    assert correlation.min() > 0.9


def test_disease_shows_in_the_lungs_but_not_in_the_mean_brightness():
    pixels, labels = draw(torch.arange(4000), 28)
    images = pixels[:, 0].float() / 255
    difference = images[labels == 1].mean(0) - images[labels == 0].mean(0)
    assert difference[6:20, 4:11].mean() > 0.02  # the lung on the left of the image
    assert difference[24:, :].abs().mean() < 0.01  # below the diaphragm
    # A threshold on the mean alone must not give the answer away.
    mean = images.mean((1, 2))
    cut = mean.median()
    assert ((mean > cut).long() == labels).float().mean() < 0.65


@pytest.mark.parametrize("settings", [{"size": 8}, {"size": "28"}, {"count": 3}, {"count": 1e4}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(UserError, match="whole number"):
        ChestPhantom(**settings).load(root=None)
