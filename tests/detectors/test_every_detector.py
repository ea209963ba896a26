"""What holds of each of the four detectors alike."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.core.errors import UserError
from benchmark.evaluation.detection import auc
from detectors.kd import KernelDensity
from detectors.lid import LocalIntrinsicDimension
from detectors.maha import Mahalanobis
from detectors.svm import SupportVectorMachine

DETECTORS = {
    "kd": KernelDensity,
    "lid": LocalIntrinsicDimension,
    "maha": lambda: Mahalanobis(magnitude=0.0),
    "svm": SupportVectorMachine,
}
every_detector = pytest.mark.parametrize("create", DETECTORS.values(), ids=DETECTORS.keys())
supervised = pytest.mark.parametrize(
    "create", [DETECTORS[n] for n in ("lid", "maha", "svm")], ids=["lid", "maha", "svm"]
)


def fresh_auc(detector, synthetic, seed):
    fresh = synthetic.gaussian(seed)
    return auc(detector.score(fresh.clean), detector.score(fresh.adversarial))


@every_detector
def test_finds_shifted_features(create, synthetic):
    detector = create()
    detector.fit(synthetic.gaussian(0))
    assert fresh_auc(detector, synthetic, 1) > 0.9


@every_detector
def test_clean_against_other_clean_is_a_coin_toss(create, synthetic):
    detector = create()
    detector.fit(synthetic.gaussian(0))
    one, other = synthetic.gaussian(2, rows=600), synthetic.gaussian(3, rows=600)
    standard_error = np.sqrt((2 * 600 + 1) / (12 * 600**2))
    assert auc(detector.score(one.clean), detector.score(other.clean)) == pytest.approx(0.5, abs=2 * standard_error)


@supervised
def test_learning_from_an_attack_of_no_size_detects_nothing(create, synthetic):
    areas = []
    for seed in range(6):
        detector = create()
        detector.fit(synthetic.gaussian(10 + seed, shift=0.0))
        fresh = synthetic.gaussian(20 + seed, shift=0.0)
        areas.append(auc(detector.score(fresh.clean), detector.score(fresh.adversarial)))
    assert np.mean(areas) == pytest.approx(0.5, abs=2 * np.sqrt(401 / (12 * 200**2) / 6))


def permuted(synthetic, seed):
    """Clean, noisy and adversarial features dealt out anew, so that the labels mean nothing."""
    data = synthetic.gaussian(seed)
    pool = np.concatenate([data.clean.penultimate, data.noisy.penultimate, data.adversarial.penultimate])
    parts = np.split(np.random.default_rng(seed).permutation(pool), 3)
    return synthetic.data(data.reference.penultimate, data.reference_labels, *parts)


@supervised
def test_permuted_labels_detect_nothing(create, synthetic):
    areas = []
    for seed in range(6):
        detector = create()
        detector.fit(permuted(synthetic, 30 + seed))
        fresh = permuted(synthetic, 40 + seed)
        areas.append(auc(detector.score(fresh.clean), detector.score(fresh.adversarial)))
    assert np.mean(areas) == pytest.approx(0.5, abs=2 * np.sqrt(401 / (12 * 200**2) / 6))


@every_detector
def test_order_and_company_do_not_change_a_score(create, synthetic):
    data = synthetic.gaussian(0)
    detector = create()
    detector.fit(data)
    values = data.adversarial.penultimate
    together = detector.score(data.adversarial)
    order = np.random.default_rng(0).permutation(len(values))
    assert detector.score(synthetic.features(values[order])) == pytest.approx(together[order], rel=1e-9, abs=1e-12)
    alone = np.concatenate([detector.score(synthetic.features(value[None])) for value in values[:20]])
    assert alone == pytest.approx(together[:20], rel=1e-9, abs=1e-12)


@every_detector
def test_the_same_seed_gives_the_same_scores(create, synthetic):
    data = synthetic.gaussian(0)

    def scores():
        detector = create()
        detector.fit(data)
        return detector.score(data.noisy)

    assert np.array_equal(scores(), scores())


@every_detector
def test_fitting_draws_nothing_from_the_global_random_state(create, synthetic):
    np.random.seed(5)  # noqa: NPY002 - the state that must not be touched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    detector = create()
    detector.fit(synthetic.gaussian(0))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@every_detector
def test_nothing_deprecated_is_used(create, synthetic):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector = create()
        detector.fit(synthetic.gaussian(0))
        detector.score(synthetic.gaussian(1).clean)


@every_detector
def test_a_nan_feature_is_an_error_and_not_a_score(create, synthetic):
    detector = create()
    detector.fit(synthetic.gaussian(0))
    values = synthetic.gaussian(1).clean.penultimate.copy()
    values[7, 3] = np.nan
    with pytest.raises(UserError, match=r"1 of 200 images are NaN or infinite \(first: row 7\)"):
        detector.score(synthetic.features(values))


@supervised
def test_nothing_to_learn_from_is_reported(create, synthetic):
    data = synthetic.gaussian(0)
    nothing = synthetic.features(np.zeros((0, 8)))
    with pytest.raises(UserError, match="clean: 0, noisy: 0, adversarial: 0"):
        create().fit(dataclasses.replace(data, clean=nothing, noisy=nothing, adversarial=nothing))
    with pytest.raises(UserError, match="adversarial: 0"):
        create().fit(dataclasses.replace(data, adversarial=nothing))


@every_detector
def test_no_images_no_scores(create, synthetic):
    detector = create()
    detector.fit(synthetic.gaussian(0))
    assert detector.score(synthetic.features(np.zeros((0, 8)))).shape == (0,)


channels = st.sampled_from(["normal", "constant", "zero", "huge", "tiny", "rounding", "binary", "spike"])


def _channel(kind, rng, rows):
    return {
        "normal": rng.normal(size=rows),
        "constant": np.full(rows, 3.7),
        "zero": np.zeros(rows),
        "huge": rng.normal(size=rows) * 1e37,
        "tiny": rng.normal(size=rows) * 1e-37,
        "rounding": 5 * (1 + 6e-8 * rng.choice([-1, 0, 1], size=rows)),
        "binary": rng.choice([0.0, 1.0], size=rows),
        "spike": np.where(np.arange(rows) == 0, 3e38, 0.0),
    }[kind]


@every_detector
@given(
    kinds=st.lists(channels, min_size=1, max_size=40),
    reference=st.integers(24, 60),
    copies=st.booleans(),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scores_are_finite_whatever_the_features(create, synthetic, kinds, reference, copies, seed):
    rng = np.random.default_rng(seed)

    def draw(rows):
        values = np.stack([_channel(kind, rng, rows) for kind in kinds], axis=1)
        return values[rng.integers(0, 3, size=rows)] if copies else values

    detector = create()
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        detector.fit(synthetic.data(draw(reference), np.arange(reference) % 2, draw(12), draw(12), draw(12)))
        extremes = np.stack([np.full(len(kinds), v) for v in (0.0, 3e38, -3e38, 1e-38)])
        scores = detector.score(synthetic.features(np.concatenate([draw(10), extremes]), predictions=[0, 1] * 7))
    assert scores.shape == (14,)
    assert np.isfinite(scores).all()
