"""The test of the worst gap between subgroups: against every permutation, and on data without a difference."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from benchmark.evaluation.worst_gap import gap_test, holm, worst_gap


def test_the_gap_is_between_the_best_and_the_worst() -> None:
    assert worst_gap([1, 1, 1, 0, 0, 0, 1], ["a", "a", "b", "b", "c", "c", "c"]) == pytest.approx(2 / 3)
    assert worst_gap([True, False], ["a", "a"]) == 0


def exhaustive(hits: list[int], values: list[str], patients: list[str]) -> float:
    """The share of all permutations with as large a gap, each carried out on the images themselves."""
    rows = {p: [i for i, q in enumerate(patients) if q == p] for p in dict.fromkeys(patients)}
    whole = [p for p, own in rows.items() if len({values[i] for i in own}) == 1]
    mixed = [own for p, own in rows.items() if p not in whole]
    observed, found = worst_gap(hits, values), []
    within = [list(permutations([values[i] for i in own])) for own in mixed]
    for order in permutations([values[rows[p][0]] for p in whole]):
        for exchanged in product(*within):
            permuted = list(values)
            for patient, value in zip(whole, order, strict=True):
                for i in rows[patient]:
                    permuted[i] = value
            for own, new in zip(mixed, exchanged, strict=True):
                for i, value in zip(own, new, strict=True):
                    permuted[i] = value
            found.append(worst_gap(hits, permuted) >= observed - 1e-12)
    return float(np.mean(found))


CASES = {
    "an image a patient": ([1, 1, 1, 0, 0, 1, 0], list("aaabbbb"), list("1234567")),
    "several": ([1, 1, 1, 0, 0, 0, 1, 0, 0, 1], list("aaaabbbbbb"), list("1122345556")),
    "three values": ([1, 1, 0, 0, 0, 1, 1, 0], list("aabbbccc"), list("12345677")),
    "two views": ([1, 0, 1, 0, 1, 0, 0, 1, 1], list("abababbba"), list("112233456")),
    "two views of all": ([1, 0, 1, 0, 1, 1, 1, 0], list("abababab"), list("11223344")),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_agrees_with_every_permutation(case: tuple[list[int], list[str], list[str]]) -> None:
    expected = exhaustive(*case)
    assert 0 < expected < 1
    # Ten thousand draws miss a share by four of its standard errors once in sixteen thousand seeds.
    error = 4 * np.sqrt(expected * (1 - expected) / 10_000)
    assert gap_test(*case, seed=0, permutations=10_000) == pytest.approx(expected, abs=error)


def test_patients_and_not_images_are_what_counts() -> None:
    """Twelve images a patient that agree with each other say no more than one of them."""
    hits, values = np.repeat([1, 1, 1, 1, 0, 1, 0, 0, 1, 0], 12), np.repeat(list("aaaaabbbbb"), 12).tolist()
    by_patient = gap_test(hits, values, np.repeat(np.arange(10), 12).tolist(), seed=0)
    assert by_patient == pytest.approx(gap_test(hits[::12], values[::12], range(10), seed=0), abs=0.05)
    assert by_patient > 0.3
    assert gap_test(hits, values, range(120), seed=0) == 1 / 2000


def test_without_a_difference_every_p_is_as_likely() -> None:
    draws = np.random.default_rng(0)
    found = []
    for seed in range(200):
        patients = np.repeat(np.arange(30), 2)
        sure = draws.random(30)[patients]
        values = np.repeat(draws.integers(3, size=30), 2).tolist()
        found.append(gap_test(draws.random(60) < sure, values, patients.tolist(), seed=seed, permutations=199))
    # Binomial with 200 trials: 10 ± 3 and 100 ± 7.
    assert 1 <= sum(p <= 0.05 for p in found) <= 20
    assert 75 <= sum(p <= 0.5 for p in found) <= 125


def test_holm_is_what_statsmodels_gives() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
