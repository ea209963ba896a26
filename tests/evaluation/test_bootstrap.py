from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from benchmark.evaluation.bootstrap import bootstrap_auc, group_weights
from benchmark.evaluation.intervals import group_numbers, wilson


def test_weighted_resamples_are_resampled_rows():
    rng = np.random.default_rng(1)
    labels, scores, groups = rng.uniform(size=90) < 0.4, rng.integers(0, 12, size=90), rng.integers(0, 30, size=90)
    numbers = group_numbers(groups.tolist())
    count = numbers.max() + 1
    areas = []
    for weights in group_weights(count, np.random.default_rng(7), resamples=50):
        assert weights.sum() == count
        rows = np.repeat(np.arange(90), weights[numbers])
        areas.append(roc_auc_score(labels[rows], scores[rows]))
    interval = bootstrap_auc(labels, scores, groups.tolist(), seed=7, resamples=50)
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])), abs=1e-12)


def test_bootstrap_covers_the_auc_of_two_gaussians():
    rng = np.random.default_rng(2)
    truth, trials, covered = norm.cdf(1 / np.sqrt(2)), 200, 0
    labels = np.repeat([False, True], 80)
    for seed in range(trials):
        interval = bootstrap_auc(labels, rng.normal(size=160) + labels, seed=seed, resamples=400)
        covered += interval.low <= truth <= interval.high
    assert covered / trials == pytest.approx(0.95, abs=0.05)


def test_bootstrap_knows_that_images_of_one_source_belong_together():
    rng = np.random.default_rng(3)
    labels = np.repeat([False, True], 60)
    scores = rng.normal(size=120) + labels
    copied = [np.tile(x, 6) for x in (labels, scores)]
    sources = np.tile(np.arange(120), 6).tolist()
    once, grouped = bootstrap_auc(labels, scores, seed=0), bootstrap_auc(*copied, sources, seed=0)
    assert grouped.half_width == pytest.approx(once.half_width, rel=0.15)
    assert bootstrap_auc(*copied, seed=0).half_width < 0.6 * once.half_width


def test_bootstrap_without_one_class_says_so():
    assert bootstrap_auc([True, True], [0.1, 0.2], seed=0) is None
    assert bootstrap_auc([False], [0.1], seed=0) is None
    assert bootstrap_auc([], [], [], seed=0) is None


def test_bootstrap_depends_on_the_seed_alone():
    labels, scores = [False, True] * 20, np.random.default_rng(4).normal(size=40)
    assert bootstrap_auc(labels, scores, seed=1) == bootstrap_auc(labels, scores, seed=1)
    assert bootstrap_auc(labels, scores, seed=1) != bootstrap_auc(labels, scores, seed=2)


def test_classes_that_do_not_overlap_leave_room_for_what_was_not_seen():
    perfect = bootstrap_auc([False] * 40 + [True] * 20, np.arange(60), seed=0)
    assert (perfect.low, perfect.high) == (wilson(20, 20).low, 1.0)
    turned = bootstrap_auc([True] * 40 + [False] * 20, np.arange(60), seed=0)
    assert (turned.low, turned.high) == (0.0, wilson(0, 20).high)
