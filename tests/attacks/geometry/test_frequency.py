"""The cosine basis against SciPy's, and the projection on its lowest waves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from attacks.geometry.frequency import cosine_basis, energy_above, low_frequencies


@pytest.mark.parametrize(("height", "width", "band"), [(28, 28, 0.25), (9, 14, 0.5), (5, 5, 0.01)])
def test_it_leaves_the_lowest_coefficients_and_nothing_else(height: int, width: int, band: float) -> None:
    x = torch.rand(3, 2, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = dctn(x.numpy(), axes=(2, 3), norm="ortho")
    left = dctn(low_frequencies(x, band).numpy(), axes=(2, 3), norm="ortho")
    rows, columns = max(1, round(band * height)), max(1, round(band * width))
    expected = np.zeros_like(whole)
    expected[..., :rows, :columns] = whole[..., :rows, :columns]
    assert np.abs(left - expected).max() < 1e-12
    above = (whole**2).sum((1, 2, 3)) - (expected**2).sum((1, 2, 3))
    assert energy_above(x, band).numpy() == pytest.approx(above)


def test_the_basis_is_orthonormal() -> None:
    basis = cosine_basis(11)
    assert torch.allclose(basis @ basis.T, torch.eye(11, dtype=torch.float64), atol=1e-13)


def test_an_image_has_the_same_bytes_in_every_batch() -> None:
    x = torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    whole = low_frequencies(x, 0.25)
    assert all(torch.equal(low_frequencies(x[row : row + 1], 0.25)[0], whole[row]) for row in range(40))
