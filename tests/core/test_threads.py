from __future__ import annotations

import pytest
import torch

from benchmark.core.threads import training_threads


@pytest.mark.parametrize(("shape", "alone"), [((1, 28, 28), True), ((3, 32, 32), True), ((1, 64, 64), False)])
def test_small_images_are_trained_on_with_one_thread(shape: tuple[int, ...], alone: bool, two_threads: None) -> None:
    with training_threads(shape, torch.device("cpu")):
        assert torch.get_num_threads() == (1 if alone else 2)
    assert torch.get_num_threads() == 2


def test_threads_are_given_back_when_training_fails(two_threads: None) -> None:
    def fail() -> None:
        with training_threads((1, 28, 28), torch.device("cpu")):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.get_num_threads() == 2
