from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from benchmark.evaluation.intervals import (
    Estimate,
    Interval,
    clustered_wilson,
    group_numbers,
    mcnemar,
    mean_of,
    mean_of_dependent,
    mean_of_proportions,
    share_of,
    wilson,
)


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


def balanced(hits, groups):
    return mean_of_proportions([share_of(h, g) for h, g in zip(hits, groups, strict=True)])


def test_balanced_accuracy_of_one_class_is_its_wilson_interval():
    hits = np.arange(20) < 13
    assert mean_of_proportions([share_of(hits)]) == share_of(hits)
    alike = [Estimate(0.5, Interval(0.4, 0.6))] * 4
    assert mean_of_proportions(alike).interval.half_width == pytest.approx(0.1 / 2)
    assert mean_of_dependent(alike).interval.half_width == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [
        ((44, 20), (0.7, 0.4)),
        ((390, 234), (0.3, 0.1)),
        ((44, 20), (0.98, 0.02)),
        ((15, 15, 15, 15), (0.9, 0.5, 0.2, 0.1)),
    ],
)
def test_the_interval_of_balanced_accuracy_covers_it(sizes, shares):
    rng = np.random.default_rng(len(sizes))
    truth, covered, trials = np.mean(shares), 0, 1500
    for _ in range(trials):
        hits = [rng.uniform(size=n) < p for n, p in zip(sizes, shares, strict=True)]
        interval = balanced(hits, [None] * len(sizes)).interval
        covered += interval.low <= truth <= interval.high
    assert covered / trials >= 0.93


def test_the_interval_of_balanced_accuracy_counts_patients():
    rng = np.random.default_rng(5)
    covered, trials = {"patients": 0, "images": 0}, 600
    for _ in range(trials):
        # Images of a patient have correlation 0.5; three to six of each.
        hits, groups = [], []
        for number, share in ((30, 0.7), (25, 0.4)):
            group = np.repeat(np.arange(number), rng.integers(3, 7, size=number))
            hits.append(rng.uniform(size=len(group)) < rng.beta(share, 1 - share, size=number)[group])
            groups.append(group.tolist())
        for name, of in (("patients", groups), ("images", [None, None])):
            interval = balanced(hits, of).interval
            covered[name] += interval.low <= 0.55 <= interval.high
    assert covered["patients"] / trials == pytest.approx(0.95, abs=0.03)
    assert covered["images"] / trials < 0.88


def test_the_mean_of_copies_is_no_surer_than_that_of_one_each():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    alone = mean_of(values)
    reach = t.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert alone.interval.high - alone.value == pytest.approx(reach)
    copied = mean_of(np.repeat(values, 5), np.repeat(np.arange(4), 5).tolist())
    assert (copied.value, copied.interval.half_width) == pytest.approx((alone.value, alone.interval.half_width))
    assert mean_of([3.0, 4.0], ["one", "one"], least=0, most=9) == Estimate(3.5, Interval(0, 9))
