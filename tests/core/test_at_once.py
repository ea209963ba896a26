from __future__ import annotations

import pytest
import torch

from benchmark.core.at_once import at_once


@pytest.mark.parametrize(
    ("shape", "device", "steps"),
    [((1, 28, 28), "cpu", 2), ((1, 64, 64), "cpu", 1), ((1, 28, 28), "cuda", 1)],
)
def test_steps_on_small_images_share_out_the_threads(
    shape: tuple[int, ...], device: str, steps: int, two_threads: None
) -> None:
    assert at_once(shape, torch.device(device)) == steps
    assert torch.get_num_threads() == 2
