from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from benchmark.evaluation.clinical import ClinicalMetrics, area_under_roc, clinical_metrics


def test_missed_disease_and_false_alarm_are_told_apart():
    labels = [1, 1, 1, 1, 0, 0]
    predictions = [1, 1, 1, 0, 1, 0]
    metrics = clinical_metrics(labels, predictions, [0.9, 0.8, 0.7, 0.2, 0.6, 0.1], classes=2)
    assert metrics == ClinicalMetrics(sensitivity=0.75, specificity=0.5, balanced_accuracy=0.625, auroc=7 / 8)


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
    assert metrics.sensitivity == pytest.approx(recall)
    assert metrics.specificity == pytest.approx(np.mean(specificities))
    assert metrics.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predictions))
    assert metrics.auroc == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr", average="macro"))


def test_a_missing_class_leaves_what_can_be_known():
    healthy = clinical_metrics([0, 0, 0, 0], [0, 0, 1, 0], [0.1, 0.2, 0.9, 0.3], classes=2)
    assert healthy == ClinicalMetrics(sensitivity=None, specificity=0.75, balanced_accuracy=None, auroc=None)
    diseased = clinical_metrics([1, 1], [1, 0], [0.9, 0.1], classes=2)
    assert diseased == ClinicalMetrics(sensitivity=0.5, specificity=None, balanced_accuracy=None, auroc=None)
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
