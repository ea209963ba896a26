"""Ranks: closed forms, coverage and level of the paired comparisons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmark.evaluation.intervals import mcnemar
from leaderboard.ranking.ranks import images_needed, rank_rows, swap_test


def rank(outcomes: list[list[bool]] | np.ndarray, labels: np.ndarray, groups: list[int] | None = None, seed: int = 0):
    count = len(labels)
    return rank_rows(
        [str(i) for i in range(len(outcomes))],
        np.asarray(outcomes, dtype=bool),
        labels.tolist(),
        list(range(count)) if groups is None else groups,
        classes=2,
        seed=seed,
    )


HALVES = np.repeat([0, 1], 50)


def test_rows_with_the_same_outcomes_share_a_rank() -> None:
    row = np.random.default_rng(0).uniform(size=100) < 0.6
    places = rank([row, row, row], HALVES)
    assert [(p.rank, p.low, p.high) for p in places] == [(1, 1, 3)] * 3
    assert places[0].difference is not None
    assert (places[0].difference.value, places[0].apart, places[0].images) == (0.0, False, None)
    assert (places[2].next, places[2].difference) == ("", None)


def test_a_row_that_is_better_on_every_image_is_told_apart() -> None:
    places = rank([[True] * 100, [False] * 100], HALVES)
    assert [(p.rank, p.low, p.high) for p in places] == [(1, 1, 1), (2, 2, 2)]
    assert places[0].apart
    assert places[0].images == 1


def test_four_one_sided_images_are_no_difference_and_ten_are() -> None:
    # McNemar's exact two-sided p is 2 · 0.5⁴ = 0.125 and 2 · 0.5¹⁰ = 0.002; a bootstrap sees a difference in both.
    for images, apart in ((4, False), (10, True)):
        one, other = np.ones(100, dtype=bool), np.ones(100, dtype=bool)
        other[:images] = False
        assert rank([one, other], HALVES)[0].apart == apart


def test_swapping_is_mcnemars_exact_test_where_classes_are_alike() -> None:
    rng = np.random.default_rng(1)
    for only_first, only_second in ((4, 0), (9, 2), (30, 12), (5, 5)):
        advantage = np.concatenate([np.ones(only_first), -np.ones(only_second), np.zeros(40)]) / 100
        exact = binomtest(only_first, only_first + only_second, 0.5).pvalue
        assert swap_test(advantage, np.arange(len(advantage)), rng) == pytest.approx(exact, abs=0.02)
    assert mcnemar([True] * 4, [False] * 4) == 0.5**4


def test_the_images_needed_are_the_textbooks() -> None:
    # Paired shares 0.3 against 0.2 that never agree on being right: Var(d) = p12 + p21 − (p12 − p21)² per image.
    first, second = np.arange(1000) % 10 < 3, np.arange(1000) % 10 >= 8
    labels = np.arange(1000) // 500
    variance = 0.3 + 0.2 - 0.1**2
    expected = (1.959964 + 0.841621) ** 2 * variance / 0.1**2
    found = images_needed(first, second, labels, np.arange(1000), classes=2)
    assert found == pytest.approx(expected, rel=0.01)
    # Copies of an image add nothing: five times as many are needed.
    copied = [np.repeat(x, 5) for x in (first, second, labels, np.arange(1000))]
    assert images_needed(*copied, classes=2) == pytest.approx(5 * expected, rel=0.01)


def test_a_study_of_that_size_finds_the_difference_in_four_of_five_cases() -> None:
    rng = np.random.default_rng(2)
    shares = np.array([[0.7, 0.5], [0.6, 0.45]])  # of the row, of the class

    def study(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 2
        return rng.uniform(size=(2, count)) < shares[:, labels], labels

    outcomes, labels = study(200_000)
    needed = images_needed(*outcomes, labels, np.arange(len(labels)), classes=2)
    assert needed is not None
    found = [rank(*study(needed), seed=seed)[0] for seed in range(120)]
    assert np.mean([p.apart for p in found]) == pytest.approx(0.8, abs=0.12)


def test_rows_of_one_accuracy_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(3)
    labels, told = np.repeat([0, 1], [20, 44]), 0
    for seed in range(300):
        outcomes = rng.uniform(size=(2, 64)) < 0.6
        means = [np.mean([row[labels == c].mean() for c in (0, 1)]) for row in outcomes]
        told += rank(outcomes[np.argsort(means)[::-1]], labels, seed=seed)[0].apart
    assert told / 300 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_the_interval_of_a_rank_covers_it() -> None:
    rng = np.random.default_rng(4)
    shares = np.array([0.8, 0.62, 0.6, 0.58, 0.3])
    labels, covered, widths = np.repeat([0, 1], 60), np.zeros(5), []
    for seed in range(150):
        common = rng.uniform(size=120)
        outcomes = np.where(rng.uniform(size=(5, 120)) < 0.5, common, rng.uniform(size=(5, 120))) < shares[:, None]
        order = np.argsort(-outcomes.mean(axis=1), kind="stable")
        places = rank(outcomes[order], labels, seed=seed)
        for place, row in zip(places, order, strict=True):
            covered[row] += place.low <= row + 1 <= place.high
            assert place.low <= place.rank <= place.high
        widths.append(places[-1].high - places[-1].low)
    assert (covered / 150 >= 0.93).all()
    assert np.mean(widths) < 0.5, "the last row is far below the others"


def test_patients_not_images_decide() -> None:
    # Ten images of each of six patients: 60 one-sided images are three patients.
    groups = np.repeat(np.arange(12), 10)
    labels = np.repeat([0, 1], 60)
    one, other = np.ones(120, dtype=bool), np.repeat(np.arange(12) % 4 != 0, 10)
    assert rank([one, other], labels)[0].apart
    assert not rank([one, other], labels, groups.tolist())[0].apart


def test_patients_with_images_of_both_classes_keep_every_class_in_every_resample() -> None:
    labels = np.array([0, 1, 0, 0, 1, 1, 0, 1])
    places = rank([[True] * 8, [False] * 8], labels, [0, 0, 1, 1, 2, 2, 3, 3])
    assert all(np.isfinite([p.low, p.high]).all() for p in places)
