from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.core.statistics.local_dimension import local_dimensions
from benchmark.evaluation.detection import auc


def ball(rng, count, dimension):
    directions = rng.normal(size=(count, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.uniform(size=(count, 1)) ** (1 / dimension)


def brute_force(query, reference, neighbours):
    """The definition, one query at a time, with the sort of Python; coinciding points are passed over."""
    distances = sorted(math.dist(query, point) for point in reference)
    others = [d for d in distances if d > 1e-6 * distances[-1]][:neighbours]
    growth = sum(math.log(others[-1] / d) for d in others)
    return min((len(others) - 2) / growth, 10.0 * len(query)) if growth else 10.0 * len(query)


@pytest.mark.parametrize("neighbours", [3, 20])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_agrees_with_brute_force(neighbours, kind):
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(150, 7)).astype(kind)
    reference[10:40] = reference[0]
    reference[40:54] = np.concatenate([np.eye(7), -np.eye(7)]) * 0.01
    queries = np.concatenate([rng.normal(size=(30, 7)), reference[:12], np.zeros((1, 7)), np.full((1, 7), 50.0)])
    queries = queries.astype(kind)
    expected = [brute_force(query, reference, neighbours) for query in queries.astype(np.float64)]
    ours = local_dimensions(queries, reference, neighbours)
    assert ours == pytest.approx(np.array(expected), rel=2e-4 if kind is np.float32 else 1e-9)


@pytest.mark.parametrize(("dimension", "neighbours"), [(2, 20), (8, 20), (8, 10), (30, 50)])
def test_mean_and_deviation_in_a_uniform_ball(dimension, neighbours):
    rng = np.random.default_rng(dimension * neighbours)
    trials = 1500
    centre = np.zeros((1, dimension))
    estimates = np.array([local_dimensions(centre, ball(rng, 200, dimension), neighbours)[0] for _ in range(trials)])
    deviation = dimension / np.sqrt(neighbours - 3)
    assert estimates.mean() == pytest.approx(dimension, abs=4 * deviation / np.sqrt(trials))
    assert estimates.std() == pytest.approx(deviation, rel=0.15)


@given(st.floats(1e-20, 1e20), st.integers(0, 2**31))
def test_scale_does_not_matter(scale, seed):
    rng = np.random.default_rng(seed)
    reference, queries = rng.normal(size=(60, 5)), rng.normal(size=(7, 5))
    scaled = local_dimensions(queries * scale, reference * scale, 20)
    assert scaled == pytest.approx(local_dimensions(queries, reference, 20), rel=1e-12)


@pytest.mark.parametrize("dimension", [8, 64])
def test_members_of_the_reference_look_like_everyone_else(dimension):
    rng = np.random.default_rng(dimension)
    reference, fresh = rng.normal(size=(2, 1000, dimension))
    members = local_dimensions(reference, reference, 20)
    others = local_dimensions(fresh, reference, 20)
    assert auc(members, others) == pytest.approx(0.5, abs=2 * np.sqrt(2001 / 12e6))


def test_a_member_is_estimated_as_if_it_were_not_there():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(100, 4))
    alone = local_dimensions(reference[:1], reference[1:], 20)
    # A second pass over the image may leave float32 rounding between the query and its copies.
    copies = np.concatenate([reference, reference[:1], reference[:1] * (1 + 1e-7)])
    assert local_dimensions(reference[:1], copies, 20) == pytest.approx(alone, rel=1e-12)


def test_equally_far_neighbours_give_the_largest_value():
    assert local_dimensions(np.zeros((1, 6)), np.eye(6), 5) == pytest.approx([60.0])


def test_a_reference_of_copies_has_dimension_zero():
    reference = np.concatenate([np.zeros((30, 3)), np.ones((2, 3))])
    assert local_dimensions(np.zeros((1, 3)), reference, 20) == [0.0]


def test_grows_with_the_dimension_of_the_data():
    rng = np.random.default_rng(2)
    flat = rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 50))
    full = rng.normal(size=(2000, 50))
    low, high = (np.median(local_dimensions(x[:100], x, 20)) for x in (flat, full))
    assert low == pytest.approx(3, rel=0.25)
    assert high > 4 * low


def test_many_queries_are_estimated_as_they_are_alone(monkeypatch):
    rng = np.random.default_rng(3)
    reference, queries = rng.normal(size=(80, 5)), rng.normal(size=(30, 5))
    alone = np.concatenate([local_dimensions(q[None], reference, 10) for q in queries])
    monkeypatch.setattr("benchmark.core.statistics.local_dimension._CHUNK_ELEMENTS", 170)
    assert local_dimensions(queries, reference, 10) == pytest.approx(alone, rel=1e-12)
