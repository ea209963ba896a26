from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.spatial.distance import mahalanobis
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from benchmark.core.statistics.gaussian import TiedGaussian, centre_classes


def correlated(rng, rows, width, classes=2):
    labels = np.arange(rows) % classes
    values = rng.normal(size=(rows, width)) @ rng.normal(size=(width, width)) + 3 * labels[:, None]
    return values, labels


def from_covariance(means, covariance):
    return TiedGaussian(torch.from_numpy(means), torch.from_numpy(np.linalg.cholesky(covariance)))


def distances_of(gaussian, values):
    return gaussian.squared_distances(torch.from_numpy(values)).numpy()


def maximum_likelihood(values, labels, classes=2):
    means, residuals = centre_classes(values, labels, classes)
    return from_covariance(means, residuals.T @ residuals / len(values))


def test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    values, labels = correlated(rng, 60, 5)
    gaussian = TiedGaussian.fit(values, labels, 2)
    precision = torch.linalg.inv(gaussian.factor @ gaussian.factor.T).numpy()
    expected = [[mahalanobis(v, m, precision) ** 2 for m in gaussian.means.numpy()] for v in values]
    assert distances_of(gaussian, values) == pytest.approx(np.array(expected), rel=1e-8)


def test_is_euclidean_where_the_covariance_is_the_identity():
    rng = np.random.default_rng(1)
    means, values = rng.normal(size=(3, 6)), rng.normal(size=(20, 6))
    euclidean = ((values[:, None] - means) ** 2).sum(axis=2)
    gaussian = from_covariance(means, np.eye(6))
    assert distances_of(gaussian, values) == pytest.approx(euclidean, rel=1e-12)


@pytest.mark.parametrize(("rows", "width"), [(50, 3), (80, 40)])
def test_training_distances_of_the_unshrunk_covariance_average_to_the_dimension(rows, width):
    values, labels = correlated(np.random.default_rng(2), rows, width)
    distances = distances_of(maximum_likelihood(values, labels), values)
    assert distances[np.arange(rows), labels].mean() == pytest.approx(width, rel=1e-9)


def test_shrinkage_keeps_held_out_images_from_looking_far():
    # Unshrunk, n = 300 and d = 150 give d(n + 1)/(n − d − 2) = 305 on held-out data instead of 150.
    rng = np.random.default_rng(3)
    train, held_out = rng.normal(size=(2, 300, 150))
    labels = np.zeros(300, dtype=np.int64)
    unshrunk = distances_of(maximum_likelihood(train, labels, 1), held_out).mean()
    assert unshrunk == pytest.approx(150 * 301 / 148, rel=0.05)
    assert distances_of(TiedGaussian.fit(train, labels, 1), held_out).mean() == pytest.approx(150, rel=0.1)


def test_any_invertible_affine_map_leaves_the_unshrunk_distances():
    rng = np.random.default_rng(4)
    values, labels = correlated(rng, 70, 6)
    moved = values @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    expected = distances_of(maximum_likelihood(values, labels), values)
    assert distances_of(maximum_likelihood(moved, labels), moved) == pytest.approx(expected, rel=1e-8)


@given(st.integers(0, 2**31), st.lists(st.floats(1e-12, 1e12), min_size=5, max_size=5))
def test_the_unit_of_a_channel_does_not_matter(seed, units):
    values, labels = correlated(np.random.default_rng(seed), 40, 5)
    expected = distances_of(TiedGaussian.fit(values, labels, 2), values)
    scaled = values * units
    assert distances_of(TiedGaussian.fit(scaled, labels, 2), scaled) == pytest.approx(expected, rel=1e-6)


def test_the_closest_class_is_that_of_linear_discriminant_analysis():
    values, labels = correlated(np.random.default_rng(5), 300, 4, classes=3)
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / 3] * 3).fit(values, labels)
    closest = distances_of(maximum_likelihood(values, labels, 3), values).argmin(axis=1)
    assert np.array_equal(closest, discriminant.predict(values))


def test_gradient_is_that_of_the_distance_to_the_closest_mean():
    values, labels = correlated(np.random.default_rng(6), 80, 4)
    gaussian = TiedGaussian.fit(values, labels, 2)
    for value in values[:5]:
        numeric = approx_fprime(value, lambda v: distances_of(gaussian, v[None]).min(), 1e-7)
        assert gaussian.gradient(torch.from_numpy(value[None]))[0].numpy() == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_a_silent_channel_that_speaks_is_noticed():
    # The pseudo-inverse of the reference implementations gives such a direction no weight at all.
    rng = np.random.default_rng(7)
    values, labels = correlated(rng, 200, 4)
    values = np.concatenate([values, np.zeros((200, 1))], axis=1)
    gaussian = TiedGaussian.fit(values, labels, 2)
    woken = values[:1] + np.array([0, 0, 0, 0, 1000.0])
    assert distances_of(gaussian, woken).min() > 1000 * distances_of(gaussian, values).min(axis=1).max()


def test_fewer_images_than_channels_gives_weight_to_every_direction():
    rng = np.random.default_rng(8)
    values, labels = rng.normal(size=(20, 60)), np.arange(20) % 2
    gaussian = TiedGaussian.fit(values, labels, 2)
    outside = np.linalg.svd(values)[2][-1]
    far = distances_of(gaussian, values[:1] + 1000 * outside).min()
    assert np.isfinite(far)
    assert far > 1e4
