from __future__ import annotations

import pytest
from torch import Tensor, nn

from benchmark.core.noise import Noise
from tests.attacks.networks import small_network


@pytest.fixture
def images() -> Tensor:
    return 0.2 + 0.6 * Noise.of(7, range(24)).uniform((1, 12, 12))


@pytest.fixture
def network() -> nn.Module:
    return small_network()
