from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from benchmark.evaluation.detection import (
    DetectorScores,
    auc,
    evaluate_detection,
    operating_point,
    threshold_at,
    two_sided,
)


def gaussians(shift, rows=5000, seed=0, fooled=None):
    rng = np.random.default_rng(seed)
    return DetectorScores(
        calibration=rng.normal(size=rows),
        clean=rng.normal(size=rows),
        noisy=rng.normal(size=rows),
        adversarial=rng.normal(size=rows) + shift,
        fooled=np.ones(rows, dtype=bool) if fooled is None else fooled,
    )


@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
def test_two_gaussians_have_their_closed_forms(shift):
    detection = evaluate_detection(gaussians(shift), seed=0)
    assert detection.auc == pytest.approx(norm.cdf(shift / math.sqrt(2)), abs=0.02)
    assert detection.at_10.adversarial == pytest.approx(1 - norm.cdf(norm.ppf(0.90) - shift), abs=0.03)
    assert detection.at_5.adversarial == pytest.approx(1 - norm.cdf(norm.ppf(0.95) - shift), abs=0.03)
    assert detection.at_10.clean == pytest.approx(0.10, abs=0.02)
    assert detection.at_5.noisy == pytest.approx(0.05, abs=0.015)
    assert detection.auc_interval.low <= detection.auc <= detection.auc_interval.high


def test_an_attack_that_looks_too_normal_is_seen_from_both_sides():
    detection = evaluate_detection(gaussians(-6, rows=2000), seed=0)
    assert detection.auc < 0.01
    assert detection.auc_two_sided > 0.99


def test_two_sided_distance_is_from_the_calibration_median():
    assert two_sided([0.0, 2.0, 7.0], [1.0, 2.0, 9.0]).tolist() == [2.0, 0.0, 5.0]
    assert two_sided([0.0], []) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=300), st.sampled_from([0.90, 0.95, 0.99]))
def test_no_more_calibration_images_are_flagged_than_allowed(scores, rate):
    threshold = threshold_at(scores, true_negative_rate=rate)
    assert threshold in scores
    assert np.mean(np.array(scores) > threshold) <= 1 - rate + 1e-12


def test_the_threshold_is_a_clean_score_and_not_between_two():
    assert threshold_at(np.arange(11.0), true_negative_rate=0.9) == 9.0
    assert threshold_at(np.arange(10.0), true_negative_rate=0.9) == 9.0
    assert threshold_at([], true_negative_rate=0.9) is None


def test_images_at_the_threshold_are_not_flagged():
    constant = np.zeros(30)
    scores = DetectorScores(constant, constant, constant, constant, np.ones(30, dtype=bool))
    point = operating_point(scores, nominal=0.05)
    assert (point.clean, point.adversarial, point.joint_success) == (0.0, 0.0, 1.0)
    assert evaluate_detection(scores, seed=0).auc == 0.5


def test_joint_success_is_wrong_and_unseen():
    scores = DetectorScores(
        calibration=np.arange(100.0),
        clean=np.zeros(4),
        noisy=np.zeros(4),
        adversarial=np.array([200.0, 200.0, 0.0, 0.0]),
        fooled=np.array([True, False, True, False]),
    )
    point = operating_point(scores, nominal=0.05)
    assert point.adversarial == 0.5
    assert point.joint_success == 0.25
    assert point.joint_success_interval.low < 0.25 < point.joint_success_interval.high


def test_only_misclassified_images_count_as_fooled():
    rows = np.arange(200)
    adversarial = np.where(rows % 2, 5.0, -5.0)
    scores = DetectorScores(np.zeros(10), np.zeros(200), np.zeros(200), adversarial, rows % 2 == 1)
    detection = evaluate_detection(scores, seed=0)
    assert detection.auc == 0.5
    assert detection.auc_fooled == 1.0


def test_images_of_one_patient_widen_the_intervals():
    patients = np.repeat(np.arange(20), 10)
    rng = np.random.default_rng(1)
    shared = rng.normal(size=20)[patients] * 2

    def scores(groups):
        return DetectorScores(rng.normal(size=100), shared, shared, shared + 1, shared > 0, groups)

    alone, grouped = evaluate_detection(scores(None), seed=0), evaluate_detection(scores(patients.tolist()), seed=0)
    assert grouped.auc_interval.half_width > alone.auc_interval.half_width
    assert grouped.at_10.joint_success_interval.half_width > 1.5 * alone.at_10.joint_success_interval.half_width


def test_missing_classes_leave_the_rest():
    none, some = np.empty(0), np.arange(5.0)
    nobody = evaluate_detection(DetectorScores(some, some, some, none, none.astype(bool)), seed=0)
    assert (nobody.auc, nobody.auc_interval, nobody.auc_two_sided, nobody.auc_fooled) == (None, None, None, None)
    assert nobody.at_10.adversarial is None
    assert nobody.at_10.joint_success_interval is None
    assert nobody.at_10.clean == 0.0
    uncalibrated = evaluate_detection(DetectorScores(none, some, some, some, some > 2), seed=0)
    assert uncalibrated.auc == 0.5
    assert uncalibrated.auc_two_sided is None
    assert uncalibrated.at_5.threshold is None
    no_harmless = evaluate_detection(DetectorScores(some, none, none, some, some > 2), seed=0)
    assert (no_harmless.auc, no_harmless.auc_interval, no_harmless.at_5.clean) == (None, None, None)
    assert no_harmless.at_5.adversarial == 0.0


def test_nobody_fooled_is_no_joint_success():
    detection = evaluate_detection(gaussians(0.0, rows=50, fooled=np.zeros(50, dtype=bool)), seed=0)
    assert detection.auc_fooled is None
    assert detection.at_10.joint_success == 0.0


def test_auc_of_empty_sides_is_unknown():
    assert auc([], [1.0]) is None
    assert auc([1.0], []) is None
