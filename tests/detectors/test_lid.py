from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.core.errors import UserError
from detectors.lid import LocalIntrinsicDimension


def test_more_neighbours_than_reference_images_is_an_error_not_a_smaller_k(synthetic):
    with pytest.raises(UserError, match="below the 15 reference images"):
        LocalIntrinsicDimension(reference_size=15).fit(synthetic.gaussian(0))
    with pytest.raises(UserError, match="at least 3"):
        LocalIntrinsicDimension(neighbours=2).fit(synthetic.gaussian(0))


def test_the_reference_is_a_sample_of_the_training_images_drawn_by_the_seed(synthetic):
    data = synthetic.gaussian(0)

    def reference(seed):
        detector = LocalIntrinsicDimension(reference_size=50)
        detector.fit(dataclasses.replace(data, seed=seed))
        return detector.reference_[0]

    assert reference(1).shape == (50, 8)
    assert {tuple(r) for r in reference(1)} <= {tuple(r) for r in data.reference.penultimate}
    assert len({tuple(r) for r in reference(1)}) == 50
    assert np.array_equal(reference(1), reference(1))
    assert not np.array_equal(reference(1), reference(2))


def test_one_dimension_a_layer(synthetic):
    rng = np.random.default_rng(0)

    def layered(rows, widths=(3, 12)):
        return synthetic.features(np.zeros((rows, 1)), layers=[rng.normal(size=(rows, w)) for w in widths])

    sets = {name: layered(40) for name in ("clean", "noisy", "adversarial")}
    data = dataclasses.replace(synthetic.gaussian(0), reference=layered(400), **sets)
    detector = LocalIntrinsicDimension()
    detector.fit(data)
    low, high = np.median(detector.dimensions(layered(200)), axis=0)
    assert low == pytest.approx(3, rel=0.3)
    assert high > 2 * low
