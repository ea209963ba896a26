"""What purification takes of an image, where it is known."""

from __future__ import annotations

import pytest
import torch

from attacks.geometry.frequency import low_frequencies
from benchmark.core.errors import UserError
from benchmark.core.noise import Noise
from benchmark.records.study_findings import Measured
from benchmark.studies.saturation import Saturation, lost
from defenses.jpeg import JPEG
from defenses.none import NoDefense
from tests.studies.subjects import Shrinking, grey, subject


def images() -> torch.Tensor:
    return 0.3 + 0.4 * Noise.of(9, range(6)).uniform((1, 8, 8))


def test_an_image_loses_nothing_to_itself_and_its_fine_detail_to_a_low_pass() -> None:
    x = images()
    assert torch.allclose(lost(x, x)[:, [0, 2, 3, 4]], torch.tensor([0.0, 0.0, 1.0, 1.0]))
    assert torch.allclose(lost(x, low_frequencies(x, 0.5))[:, 3:], torch.zeros(6, 2), atol=1e-5)


def test_noise_adds_energy_and_keeps_what_there_was() -> None:
    x = images()
    fine = x - low_frequencies(x, 0.5)
    noise = 0.1 * Noise.of(4, range(6)).normal((1, 8, 8))
    # What of the noise is orthogonal to the image's own fine detail.
    noise = noise - fine * ((noise * fine).sum((1, 2, 3)) / fine.square().sum((1, 2, 3))).view(-1, 1, 1, 1)
    found = lost(x, x + noise)
    assert torch.allclose(found[:, 3], torch.ones(6), atol=1e-4)
    assert bool((found[:, 4] > 1.05).all())


def test_pixels_at_the_ends_are_counted_and_an_image_without_detail_keeps_it() -> None:
    x, half = grey(2), grey(2)
    half[..., :4], half[..., 4:] = 0.0, 1.0
    assert lost(x, half)[0, :3].tolist() == pytest.approx([127.5, 127.5 * (64 / 63) ** 0.5, 1.0])
    assert lost(x, x)[0, 3:].tolist() == [1, 1]


def test_each_step_takes_as_much_as_it_says() -> None:
    found = Saturation(values=(1, 2, 4), draws=1, shown=2).run(subject(Shrinking(factor=0.5), images()))
    spread = [row[2].value for row in found.rows if isinstance(row[2], Measured)]
    kept = [row[4].value for row in found.rows if isinstance(row[4], Measured)]
    assert spread == pytest.approx([spread[0] / 2**k for k in (0, 1, 2, 4)], rel=1e-4)
    assert kept == pytest.approx([1, 0.5, 0.25, 0.0625], rel=1e-3)
    assert found.pictures is not None
    assert found.pictures.images.shape == (2, 4, 1, 8, 8)
    assert torch.allclose(found.pictures.images[:, 2], 0.5 + (images()[:2] - 0.5) / 4)


def test_what_has_no_length_is_refused_in_words() -> None:
    assert Saturation().without_use(NoDefense()) == "there is no purifier"
    assert "no setting 'steps'" in Saturation().without_use(JPEG())
    assert "its cost stays the same" in Saturation(setting="spread", values=(0, 1)).without_use(Shrinking())
    with pytest.raises(UserError, match="each once"):
        Saturation.from_settings({"values": [15, 15]}, where="here")
