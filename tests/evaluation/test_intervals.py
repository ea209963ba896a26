from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import roc_auc_score

from benchmark.evaluation.intervals import Interval, bootstrap_auc, clustered_wilson, group_numbers, mcnemar, wilson


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(trials, share, confidence):
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    interval = wilson(successes, trials, confidence=confidence)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)


def test_nothing_seen_is_nothing_known():
    assert wilson(0, 0) == Interval(0.0, 1.0)
    assert clustered_wilson([], []) == Interval(0.0, 1.0)


@given(st.integers(1, 200))
def test_the_ends_are_exact_where_all_outcomes_agree(trials):
    assert wilson(0, trials).low == 0.0
    assert wilson(trials, trials).high == 1.0


@given(st.lists(st.booleans(), min_size=2, max_size=60))
def test_one_image_a_patient_is_the_plain_interval(outcomes):
    plain = wilson(sum(outcomes), len(outcomes))
    clustered = clustered_wilson(outcomes, list(range(len(outcomes))))
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=80))
def test_patients_never_narrow_the_interval(rows):
    outcomes, patients = zip(*rows, strict=True)
    plain, clustered = wilson(sum(outcomes), len(outcomes)), clustered_wilson(outcomes, patients)
    assert 0 <= clustered.low <= np.mean(outcomes) + 1e-12
    assert np.mean(outcomes) - 1e-12 <= clustered.high <= 1
    assert clustered.half_width >= plain.half_width - 1e-12


def test_copies_of_a_patients_image_add_nothing():
    outcomes = [True] * 12 + [False] * 8
    copied, patients = np.repeat(outcomes, 5), np.repeat(np.arange(20), 5)
    once, five_times = clustered_wilson(outcomes, range(20)), clustered_wilson(copied, patients)
    assert (five_times.low, five_times.high) == pytest.approx((once.low, once.high), abs=0.02)
    assert wilson(60, 100).half_width < 0.6 * five_times.half_width


def test_unanimous_patients_count_once_each():
    interval = clustered_wilson([True] * 100, np.repeat(np.arange(10), 10).tolist())
    assert interval.low == pytest.approx(wilson(10, 10).low)


@pytest.mark.parametrize(
    ("patients", "share", "likeness"), [(60, 0.8, 0.5), (60, 0.3, 0.2), (200, 0.9, 0.5), (25, 0.5, 0.3)]
)
def test_clustered_interval_covers_the_truth_where_the_plain_one_does_not(patients, share, likeness):
    # Beta-binomial: patients differ so that two images of one have correlation `likeness`; 1 to 12 images each.
    rng = np.random.default_rng(patients)
    concentration = 1 / likeness - 1
    covered = {"plain": 0, "clustered": 0}
    trials = 1000
    for _ in range(trials):
        sizes = rng.integers(1, 13, size=patients)
        group = np.repeat(np.arange(patients), sizes)
        chance = rng.beta(share * concentration, (1 - share) * concentration, size=patients)
        outcomes = rng.uniform(size=len(group)) < chance[group]
        for name, interval in (
            ("plain", wilson(int(outcomes.sum()), len(outcomes))),
            ("clustered", clustered_wilson(outcomes, group.tolist())),
        ):
            covered[name] += interval.low <= share <= interval.high
    assert covered["clustered"] / trials == pytest.approx(0.95, abs=0.03)
    assert covered["plain"] / trials < 0.9


def test_groups_are_numbered_by_first_appearance():
    assert group_numbers(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_mcnemar_is_the_binomial_tail_of_the_disagreements():
    first = [True] * 30 + [True] * 9 + [False] * 2 + [False] * 50
    second = [True] * 30 + [False] * 9 + [True] * 2 + [False] * 50
    assert mcnemar(first, second) == pytest.approx(binomtest(9, 11, 0.5, alternative="greater").pvalue)
    assert mcnemar(second, first) == pytest.approx(binomtest(2, 11, 0.5, alternative="greater").pvalue)


def test_mcnemar_has_no_evidence_where_nothing_differs():
    assert mcnemar([True, False], [True, False]) == 1.0
    assert mcnemar([], []) == 1.0


def test_mcnemar_keeps_its_level():
    rng = np.random.default_rng(0)
    rejected = np.mean([mcnemar(*(rng.uniform(size=(2, 60)) < 0.3)) < 0.05 for _ in range(2000)])
    assert rejected <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_weighted_resamples_are_resampled_rows():
    rng = np.random.default_rng(1)
    labels, scores, groups = rng.uniform(size=90) < 0.4, rng.integers(0, 12, size=90), rng.integers(0, 30, size=90)
    numbers = group_numbers(groups.tolist())
    count = numbers.max() + 1
    areas = []
    for weights in np.random.default_rng(7).multinomial(count, np.full(count, 1 / count), size=50):
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
