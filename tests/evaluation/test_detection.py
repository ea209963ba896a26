from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from benchmark.evaluation.bootstrap import group_weights
from benchmark.evaluation.detection import (
    DetectorScores,
    auc,
    threshold_at,
    two_sided,
)
from benchmark.evaluation.detection_bootstrap import evaluate_detection
from benchmark.evaluation.intervals import clustered_wilson, wilson


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
    assert detection.auc.value == pytest.approx(norm.cdf(shift / math.sqrt(2)), abs=0.02)
    assert detection.at_10.adversarial.value == pytest.approx(1 - norm.cdf(norm.ppf(0.90) - shift), abs=0.03)
    assert detection.at_5.adversarial.value == pytest.approx(1 - norm.cdf(norm.ppf(0.95) - shift), abs=0.03)
    assert detection.at_10.clean.value == pytest.approx(0.10, abs=0.02)
    assert detection.at_5.noisy.value == pytest.approx(0.05, abs=0.015)
    assert detection.auc.interval.low <= detection.auc.value <= detection.auc.interval.high


def test_an_attack_that_looks_too_normal_is_seen_from_both_sides():
    detection = evaluate_detection(gaussians(-6, rows=2000), seed=0)
    assert detection.auc.value < 0.01
    assert detection.auc_two_sided.value > 0.99


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
    detection = evaluate_detection(scores, seed=0)
    point = detection.at_5
    assert [e.value for e in (point.clean, point.adversarial, point.joint_success)] == [0.0, 0.0, 1.0]
    assert point.joint_success.interval == wilson(30, 30)
    assert detection.auc.value == 0.5


def test_joint_success_is_wrong_and_unseen():
    scores = DetectorScores(
        calibration=np.arange(100.0),
        clean=np.zeros(4),
        noisy=np.zeros(4),
        adversarial=np.array([200.0, 200.0, 0.0, 0.0]),
        fooled=np.array([True, False, True, False]),
    )
    point = evaluate_detection(scores, seed=0).at_5
    assert point.adversarial.value == 0.5
    assert point.joint_success.value == 0.25
    assert point.joint_success.interval.low < 0.25 < point.joint_success.interval.high


def test_only_misclassified_images_count_as_fooled():
    rows = np.arange(200)
    adversarial = np.where(rows % 2, 5.0, -5.0)
    scores = DetectorScores(np.zeros(10), np.zeros(200), np.zeros(200), adversarial, rows % 2 == 1)
    detection = evaluate_detection(scores, seed=0)
    assert detection.auc.value == 0.5
    assert detection.auc_fooled.value == 1.0
    assert detection.auc_fooled.interval == wilson(100, 100)


def test_images_of_one_patient_widen_the_intervals():
    patients = np.repeat(np.arange(20), 10)
    rng = np.random.default_rng(1)
    shared = rng.normal(size=20)[patients] * 2

    def scores(groups):
        return DetectorScores(rng.normal(size=100), shared, shared, shared + 1, shared > 0, groups)

    alone, grouped = evaluate_detection(scores(None), seed=0), evaluate_detection(scores(patients.tolist()), seed=0)
    assert grouped.auc.interval.half_width > alone.auc.interval.half_width
    assert grouped.at_10.joint_success.interval.half_width > 1.5 * alone.at_10.joint_success.interval.half_width


def test_missing_classes_leave_the_rest():
    none, some = np.empty(0), np.arange(5.0)
    nobody = evaluate_detection(DetectorScores(some, some, some, none, none.astype(bool)), seed=0)
    assert (nobody.auc, nobody.auc_two_sided, nobody.auc_fooled) == (None, None, None)
    assert nobody.at_10.adversarial is None
    assert nobody.at_10.joint_success is None
    uncalibrated = evaluate_detection(DetectorScores(none, some, some, some, some > 2), seed=0)
    assert uncalibrated.auc.value == 0.5
    assert uncalibrated.auc_two_sided is None
    assert uncalibrated.at_5.threshold is None
    assert uncalibrated.no_credit() == ""
    no_harmless = evaluate_detection(DetectorScores(some, none, none, some, some > 2), seed=0)
    assert (no_harmless.auc, no_harmless.at_5.clean, no_harmless.at_5.moved) == (None, None, None)
    assert no_harmless.at_5.adversarial.value == 0.0


def test_nobody_fooled_is_no_joint_success():
    detection = evaluate_detection(gaussians(0.0, rows=50, fooled=np.zeros(50, dtype=bool)), seed=0)
    assert detection.auc_fooled is None
    assert detection.at_10.joint_success.value == 0.0


def test_auc_of_empty_sides_is_unknown():
    assert auc([], [1.0]) is None
    assert auc([1.0], []) is None


def small(rng, shift, calibration=70, rows=60, patients=None):
    """Two Gaussians on few images; images of a patient share most of their score where there are patients."""
    group = None if patients is None else np.arange(rows) % patients
    own = 0.0 if patients is None else rng.normal(size=patients)[group]
    mix = (lambda z: z) if patients is None else (lambda z: np.sqrt(0.7) * own + np.sqrt(0.3) * z)
    fooled = rng.uniform(size=rows) < 0.8
    known = rng.normal(size=calibration)
    draws = [mix(rng.normal(size=rows)) for _ in range(3)]
    groups = None if group is None else group.tolist()
    return DetectorScores(known, draws[0], draws[1], draws[2] + shift, fooled, groups)


@pytest.mark.parametrize("patients", [None, 20])
def test_intervals_cover_the_truth_although_the_threshold_is_estimated(patients):
    rng, shift, trials = np.random.default_rng(3), 1.5, 400
    tpr, through = 1 - norm.cdf(norm.ppf(0.9) - shift), 0.8 * norm.cdf(norm.ppf(0.9) - shift)
    truth = {"tpr": tpr, "through": through, "auc": norm.cdf(shift / np.sqrt(2)), "known": tpr}
    covered = dict.fromkeys(truth, 0)
    for seed in range(trials):
        scores = small(rng, shift, patients=patients)
        found = evaluate_detection(scores, seed=seed, resamples=300)
        point = found.at_10
        known = clustered_wilson(scores.adversarial > point.threshold, scores.groups)
        intervals = {"tpr": point.adversarial.interval, "through": point.joint_success.interval}
        for name, interval in {**intervals, "auc": found.auc.interval, "known": known}.items():
            covered[name] += interval.low <= truth[name] <= interval.high
    assert covered["known"] / trials < 0.89, "with the threshold taken as known they are too narrow"
    assert min(covered[name] for name in ("tpr", "through")) / trials >= 0.92
    assert covered["auc"] / trials >= (0.92 if patients is None else 0.88)


def test_resampled_thresholds_are_those_of_resampled_images():
    rng = np.random.default_rng(8)
    scores = small(rng, 1.0, calibration=31, rows=40, patients=15)
    found = evaluate_detection(scores, seed=5, resamples=40)
    draws = np.random.default_rng(5)
    test, known = group_weights(15, draws, resamples=40), group_weights(31, draws, resamples=40)
    shares = []
    for of_test, of_known in zip(test, known, strict=True):
        threshold = threshold_at(np.repeat(scores.calibration, of_known), true_negative_rate=0.9)
        shares.append(np.mean(np.repeat(scores.adversarial, of_test[scores.groups]) > threshold))
    low, high = np.quantile(shares, [0.025, 0.975])
    exact = clustered_wilson(scores.adversarial > found.at_10.threshold, scores.groups)
    interval = found.at_10.adversarial.interval
    assert (interval.low, interval.high) == pytest.approx((min(low, exact.low), max(high, exact.high)))


def judged(rows=120, **scores):
    rng = np.random.default_rng(0)
    clean = {name: rng.normal(size=rows) for name in ("calibration", "clean", "noisy")}
    return evaluate_detection(DetectorScores(**clean, fooled=np.ones(rows, bool), **scores), seed=0)


@pytest.mark.parametrize("unknown", [1.0, 0.4])
def test_a_detector_that_recognises_files_has_no_credit(unknown):
    # It calls what it has not seen before adversarial, always or often.
    rng, rows = np.random.default_rng(1), 120

    def strange():
        return np.where(rng.uniform(size=rows) < unknown, 9.0, rng.normal(size=rows))

    found = judged(adversarial=strange(), stored=strange(), moved=strange())
    assert found.no_credit() == "recognises files, not attacks"


def test_a_detector_that_sees_the_numbers_between_a_files_steps_has_no_credit():
    rng = np.random.default_rng(2)
    found = judged(adversarial=np.full(120, 9.0), stored=rng.normal(size=120), moved=rng.normal(size=120))
    assert found.no_credit() == "sees what no file can hold, not attacks"


@pytest.mark.parametrize(("seen", "moved"), [(3.0, 0.0), (3.0, 0.6), (1.0, 0.2), (0.0, 0.0), (-2.0, 1.0)], ids=str)
def test_an_honest_detector_keeps_its_credit(seen, moved):
    # A mirrored image is a little unusual, and an attack may be missed altogether.
    rng = np.random.default_rng(3)
    for _ in range(20):
        adversarial = rng.normal(size=120) + seen
        stored = adversarial + 0.1 * rng.normal(size=120)
        assert judged(adversarial=adversarial, stored=stored, moved=rng.normal(size=120) + moved).no_credit() == ""
