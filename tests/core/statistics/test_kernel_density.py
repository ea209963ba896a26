from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gaussian_kde, norm

from benchmark.core.statistics.kernel_density import KernelDensity, choose_bandwidth


def log_density(queries, centres, bandwidth):
    return KernelDensity(torch.from_numpy(centres), bandwidth).log_densities(queries)


@given(st.integers(1, 300), st.floats(0.01, 50), st.integers(0, 2**31))
def test_one_centre_is_the_gaussian_itself(dimension, bandwidth, seed):
    rng = np.random.default_rng(seed)
    query, centre = rng.normal(size=(2, 1, dimension))
    expected = -dimension / 2 * np.log(2 * np.pi * bandwidth**2) - ((query - centre) ** 2).sum() / (2 * bandwidth**2)
    assert log_density(query, centre, bandwidth) == pytest.approx([expected], rel=1e-12)


def test_agrees_with_scipy_in_one_dimension():
    rng = np.random.default_rng(0)
    centres, queries = rng.normal(size=(50, 1)), rng.normal(size=(20, 1)) * 3
    scipy_density = gaussian_kde(centres[:, 0], bw_method=0.4 / centres.std(ddof=1)).logpdf(queries[:, 0])
    sum_of_kernels = np.log(norm.pdf(queries, loc=centres[:, 0], scale=0.4).mean(axis=1))
    density = log_density(queries, centres, 0.4)
    assert density == pytest.approx(scipy_density, abs=1e-9)
    assert density == pytest.approx(sum_of_kernels, abs=1e-9)


def test_integrates_to_one_in_two_dimensions():
    centres = np.random.default_rng(1).normal(size=(7, 2))
    axis = np.linspace(-8, 8, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    cell = (axis[1] - axis[0]) ** 2
    assert np.exp(log_density(grid, centres, 0.5)).sum() * cell == pytest.approx(1, abs=1e-6)


def test_order_of_the_centres_does_not_matter():
    rng = np.random.default_rng(2)
    centres, queries = rng.normal(size=(300, 5)), rng.normal(size=(40, 5))
    assert log_density(queries, centres[rng.permutation(300)], 0.7) == pytest.approx(
        log_density(queries, centres, 0.7), rel=1e-12
    )


def test_stays_finite_where_the_density_underflows():
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 2048))
    density = log_density(np.concatenate([centres[:1], np.full((1, 2048), 1e38)]), centres, 1.0)
    assert np.isfinite(density).all()
    assert np.exp(density[0]) == 0


def test_many_queries_score_as_they_do_alone(monkeypatch):
    rng = np.random.default_rng(4)
    centres, queries = rng.normal(size=(30, 4)), rng.normal(size=(25, 4))
    alone = np.concatenate([log_density(q[None], centres, 0.6) for q in queries])
    monkeypatch.setattr("benchmark.core.statistics.kernel_density._CHUNK_ELEMENTS", 70)
    assert log_density(queries, centres, 0.6) == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 4, 16])
def test_bandwidth_is_near_the_best_one_for_a_gaussian(dimension):
    # For a standard normal the bandwidth with the highest expected log likelihood is known by search on fresh data.
    rng = np.random.default_rng(dimension)
    points, fresh = rng.normal(size=(600, dimension)), rng.normal(size=(1000, dimension))
    chosen = choose_bandwidth([points], seed=0)
    candidates = np.geomspace(0.05, 2, 20)
    best = max(log_density(fresh, points, h).mean() for h in candidates)
    assert log_density(fresh, points, chosen).mean() > best - 0.03 * dimension


def test_bandwidth_follows_the_units_of_the_features():
    points = np.random.default_rng(5).normal(size=(200, 3))
    assert choose_bandwidth([points * 1000], seed=0) == pytest.approx(
        1000 * choose_bandwidth([points], seed=0), rel=1e-9
    )


def test_copies_do_not_pull_the_bandwidth_to_zero():
    points = np.random.default_rng(6).normal(size=(300, 8))
    rounding = 1 + 1e-8 * np.random.default_rng(7).normal(size=points.shape)
    copied = np.concatenate([points, points * rounding])
    assert choose_bandwidth([copied], seed=0) == pytest.approx(choose_bandwidth([points], seed=0), rel=0.3)


@pytest.mark.parametrize("points", [np.zeros((5, 3)), np.ones((1, 3)), np.zeros((4, 0))])
def test_bandwidth_without_two_different_points_is_one(points):
    assert choose_bandwidth([points], seed=0) == 1.0
