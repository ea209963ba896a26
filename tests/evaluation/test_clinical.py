from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from benchmark.evaluation.clinical import ClinicalMetrics, area_under_roc, balanced_accuracy, clinical_metrics
from benchmark.evaluation.intervals import mean_of_proportions, wilson


def values(metrics):
    """The four numbers without their intervals."""
    found = (metrics.sensitivity, metrics.specificity, metrics.balanced_accuracy, metrics.auroc)
    return tuple(None if e is None else e.value for e in found)


def test_missed_disease_and_false_alarm_are_told_apart():
    labels = [1, 1, 1, 1, 0, 0]
    predictions = [1, 1, 1, 0, 1, 0]
    metrics = clinical_metrics(labels, predictions, [0.9, 0.8, 0.7, 0.2, 0.6, 0.1], classes=2)
    assert values(metrics) == (0.75, 0.5, 0.625, 7 / 8)
    assert metrics.sensitivity.interval == wilson(3, 4)
    assert metrics.specificity.interval == wilson(1, 2)
    assert (
        metrics.balanced_accuracy.interval == mean_of_proportions([metrics.sensitivity, metrics.specificity]).interval
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(3, 6))
def test_many_classes_agree_with_scikit_learn(seed, classes):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, size=50)])
    scores = rng.dirichlet(np.ones(classes), size=len(labels))
    predictions = scores.argmax(axis=1)
    metrics = clinical_metrics(labels, predictions, scores, classes=classes)
    recall = recall_score(labels, predictions, average="macro", labels=range(classes), zero_division=0)
    specificities = [recall_score(labels != c, predictions != c) for c in range(classes)]
    assert metrics.sensitivity.value == pytest.approx(recall)
    assert metrics.specificity.value == pytest.approx(np.mean(specificities))
    assert metrics.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert metrics.auroc.value == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr", average="macro"))


def test_a_missing_class_leaves_what_can_be_known():
    healthy = clinical_metrics([0, 0, 0, 0], [0, 0, 1, 0], [0.1, 0.2, 0.9, 0.3], classes=2)
    assert values(healthy) == (None, 0.75, None, None)
    diseased = clinical_metrics([1, 1], [1, 0], [0.9, 0.1], classes=2)
    assert values(diseased) == (0.5, None, None, None)
    nothing = ClinicalMetrics(None, None, None, None)
    assert clinical_metrics([0, 2], [0, 2], np.eye(3)[[0, 2]], classes=3) == nothing
    assert clinical_metrics([], [], [], classes=2) == nothing


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_auroc_of_two_gaussians(shift):
    rng = np.random.default_rng(0)
    labels = np.repeat([False, True], 20_000)
    area = area_under_roc(labels, rng.normal(size=40_000) + shift * labels)
    assert area == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.01)


@given(st.integers(0, 2**31))
def test_auroc_depends_on_ranks_alone(seed):
    rng = np.random.default_rng(seed)
    labels, scores = np.arange(40) % 2 == 0, rng.normal(size=40)
    area = area_under_roc(labels, scores)
    assert area_under_roc(labels, np.exp(3 * scores)) == area
    assert area_under_roc(labels, -scores) == pytest.approx(1 - area)


def test_infinite_scores_rank_and_nan_does_not():
    assert area_under_roc([False, True, True], [-np.inf, 0.0, np.inf]) == 1.0
    assert area_under_roc([False, True, True], [0.0, np.nan, 1.0]) is None


@given(st.integers(2, 6), st.integers(0, 5), st.integers(0, 2**31))
def test_a_constant_answer_has_a_balanced_accuracy_of_one_over_k(classes, said, seed):
    # Whatever the classes' shares: 68.75 % "pneumonia" is no merit of who always says so.
    labels = np.concatenate([np.arange(classes), np.random.default_rng(seed).integers(0, classes, size=40)])
    found = balanced_accuracy(labels == said % classes, labels, range(len(labels)), classes=classes)
    assert found.value == pytest.approx(1 / classes)
    assert found.interval.low <= 1 / classes <= found.interval.high


def test_patients_widen_every_clinical_interval():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 6)
    labels = (patients < 20).astype(int)
    lean = rng.normal(size=40)[patients] + labels
    scores = lean + 0.1 * rng.normal(size=240)
    answers = scores > 0.5
    alone = clinical_metrics(labels, answers, scores, classes=2)
    together = clinical_metrics(labels, answers, scores, classes=2, groups=patients.tolist())
    assert values(alone) == values(together)
    for name in ("sensitivity", "specificity", "balanced_accuracy", "auroc"):
        one, other = getattr(alone, name).interval, getattr(together, name).interval
        assert other.half_width > 1.4 * one.half_width


def test_the_interval_of_many_classes_auroc_covers_it():
    rng = np.random.default_rng(1)
    truth, covered, trials = norm.cdf(1 / np.sqrt(2)), 0, 150
    labels = np.repeat(np.arange(3), 40)
    for seed in range(trials):
        # Each class's own score is one higher on it, and the others' say nothing of it.
        scores = rng.normal(size=(120, 3)) + np.eye(3)[labels]
        interval = clinical_metrics(labels, scores.argmax(1), scores, classes=3, seed=seed).auroc.interval
        covered += interval.low <= truth <= interval.high
    assert covered / trials >= 0.9


def test_the_area_is_that_of_an_independent_implementation_to_the_last_digit() -> None:
    rng = np.random.default_rng(0)
    for digits in (0, 1, 8):
        for count in (2, 3, 40, 200):
            positive, scores = np.arange(count) % 3 == 0, rng.normal(size=count).round(digits)
            assert area_under_roc(positive, scores) == roc_auc_score(positive, scores)
    infinite = np.array([np.inf, 1.0, -np.inf, np.inf])
    assert area_under_roc([True, False, False, False], infinite) == 5 / 6
