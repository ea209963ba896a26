from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmark.core.statistics.principal_components import PrincipalComponents


def project(fitted, components, features):
    found = PrincipalComponents.fit(torch.from_numpy(fitted), components)
    return found.transform(torch.from_numpy(features)).numpy()


def test_components_are_those_of_sklearn_but_for_their_signs():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 12)) + 0.3 * rng.normal(size=(300, 12))
    library = make_pipeline(StandardScaler(), PCA(5)).fit(features)
    assert np.abs(project(features, 5, features)) == pytest.approx(np.abs(library.transform(features)), abs=1e-8)


def test_all_components_keep_the_standardised_distances():
    features = np.random.default_rng(0).normal(size=(100, 6)) * [1, 10, 100, 1e-3, 1e4, 2] + 5
    standardised = (features - features.mean(0)) / features.std(0)
    projected = project(features, 6, features)
    expected = np.linalg.norm(standardised[:, None] - standardised, axis=2)
    assert np.linalg.norm(projected[:, None] - projected, axis=2) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("samples", [20, 500])
def test_keeps_the_directions_of_largest_variance(samples):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(samples, 3)) @ rng.normal(size=(3, 40)) + 0.01 * rng.normal(size=(samples, 40))
    projected = project(features, 3, features)
    assert projected.shape == (samples, 3)
    assert projected.var(0).sum() / 40 > 0.99
    assert (np.diff(projected.var(0)) <= 0).all()


def test_channels_that_hold_only_rounding_are_left_out():
    rng = np.random.default_rng(2)
    varying = rng.normal(size=(50, 2))
    rounding = 7 * (1 + 6e-8 * rng.choice([-1, 1], size=(50, 1)))
    features = np.concatenate([varying, rounding, np.zeros((50, 1))], axis=1)
    components = PrincipalComponents.fit(torch.from_numpy(features), 4)
    assert components.axes.shape == (4, 2)
    assert not components.axes[2:].any()


def test_features_that_never_vary_have_no_components():
    assert project(np.ones((9, 3)), 2, np.zeros((4, 3))).shape == (4, 0)
