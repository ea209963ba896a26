from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmark.core.errors import UserError
from detectors.kd import KernelDensity


def test_asks_the_density_of_the_predicted_class(synthetic):
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    reference = rng.normal(size=(200, 5)) + 6 * labels[:, None]
    detector = KernelDensity()
    detector.fit(synthetic.data(reference, labels, reference[:1], reference[:1], reference[:1]))
    query = np.zeros((1, 5))
    as_zero, as_one = (detector.score(synthetic.features(query, [c]))[0] for c in (0, 1))
    assert as_one > as_zero + 10


def test_orders_points_as_the_true_density_does(synthetic):
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(1000, 4))
    detector = KernelDensity()
    detector.fit(synthetic.data(reference, np.arange(1000) % 2, reference[:1], reference[:1], reference[:1]))
    radii = np.linspace(0, 12, 25)
    scores = detector.score(synthetic.features(radii[:, None] * np.array([[1.0, 0, 0, 0]])))
    assert (np.diff(scores[2:]) > 0).all()


def test_a_class_without_reference_images_is_reported(synthetic):
    data = synthetic.gaussian(0)
    empty = dataclasses.replace(data, reference_labels=np.zeros_like(data.reference_labels))
    with pytest.raises(UserError, match="class 1 has 0 clean reference images"):
        KernelDensity().fit(empty)


@pytest.mark.parametrize("settings", [{"components": 0}, {"bandwidth": 0.0}, {"bandwidth": -1.0}])
def test_settings_that_make_no_density_are_refused(synthetic, settings):
    with pytest.raises(UserError, match="must be positive"):
        KernelDensity(**settings).fit(synthetic.gaussian(0))


def test_a_given_bandwidth_is_used(synthetic):
    detector = KernelDensity(bandwidth=0.5)
    detector.fit(synthetic.gaussian(0))
    assert detector.bandwidth_ == 0.5
