"""What each flag says of given evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.flags.base import (
    FAILED,
    AttackEvidence,
    DetectionEvidence,
    MeasuredCheck,
    RowEvidence,
    Verdict,
)
from benchmark.evaluation.flags.catalogue import CHECKS, evaluate_flags
from benchmark.evaluation.flags.paired import Excess
from benchmark.records.defense_record import DefenseTraits
from tests.records import made_by_hand

N = 1000
PASS, WARN, FAIL, NOT_RUN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.NOT_RUN
NOT_APPLICABLE, UNDECIDED = Verdict.NOT_APPLICABLE, Verdict.UNDECIDED
BY_ID = {check.id: check for check in CHECKS}
MEASURED = [check for check in CHECKS if isinstance(check, MeasuredCheck)]
RESEARCHED = """clean_reproduced in_threat_model one_step_beats_iterative black_box_beats_white_box
random_noise_beats_gradient unbounded_fails eps_monotone zero_gradient unstable_landscape silent_success
incomplete_optimisation not_converged randomised dynamic softmax_output batch_dependence train_mode
transfer_beats_white_box bpda_component_alone detector_joint known_broken_control sample_size"""
ADDED = """gradient_contradicted asker_dependence replayed_answers replayed_gradients memorised_images
leaked_images probe_beats_row"""


def clean(n: int = N, wrong: int = 0) -> pd.DataFrame:
    right = np.arange(n) >= wrong
    return pd.DataFrame({"clean_right": right, "fresh_right": right.astype(float), "group": np.arange(n)})


def attack(broken: range, n: int = N, **facts: Any) -> AttackEvidence:
    """An attack that breaks the images `broken`."""
    samples = pd.DataFrame({"clean_right": np.full(n, True), "linf": 0.03, "l2": 0.1, "broken_at": -1})
    samples["robust"] = ~samples.index.isin(broken)
    return AttackEvidence("x", made_by_hand.facts(**{"steps": 50, **facts}), samples)


def row(*attacks: AttackEvidence, **known: Any) -> RowEvidence:
    return RowEvidence(**{"traits": DefenseTraits(), "clean": clean(), "attacks": list(attacks), **known})


def verdict(flag: str, evidence: RowEvidence) -> Verdict:
    return BY_ID[flag].evaluate(evidence).verdict


def test_there_are_the_flags_of_the_protocol() -> None:
    assert {check.id for check in CHECKS} == {*RESEARCHED.split(), *ADDED.split()}
    for check in CHECKS:
        assert check.threshold, check.id
        assert check.meaning.endswith("."), check.id
        assert check.source, check.id


def test_without_evidence_no_flag_passes_that_needs_any() -> None:
    flags = {f.id: f for f in evaluate_flags(row(unmeasured="the probe has no result: out of memory"))}
    passed = {f.id for f in flags.values() if f.verdict not in (NOT_RUN, NOT_APPLICABLE)}
    assert passed == {"sample_size"}
    assert "out of memory" in flags["zero_gradient"].note


@pytest.mark.parametrize("check", MEASURED, ids=lambda check: check.id)
def test_a_measurement_that_failed_is_not_run_and_says_why(check: MeasuredCheck) -> None:
    traits = DefenseTraits(purifier=True, differentiable=False, exact_gradient=True)
    flag = check.evaluate(row(traits=traits, measurements={check.id: {FAILED: "ValueError: no"}}))
    assert flag.verdict is NOT_RUN
    assert "ValueError: no" in flag.note


@pytest.mark.parametrize(("flag", "measured"), [("unstable_landscape", {"n": 64, "change": None}), ("randomised", {})])
def test_a_measurement_that_cannot_be_judged_is_not_run_and_takes_no_other_flag_with_it(
    flag: str, measured: dict[str, Any]
) -> None:
    """JSON keeps NaN as null, and another version may have kept something else altogether."""
    known = {"dynamic": {"n": 64, "calls": 0}, flag: measured}
    flags = {f.id: f for f in evaluate_flags(row(measurements=known))}
    assert flags[flag].verdict is NOT_RUN
    assert "could not be" in flags[flag].note
    assert flags["dynamic"].verdict is PASS


@pytest.mark.parametrize("number", [float("nan"), float("inf"), None])
def test_a_number_that_is_not_finite_never_passes(number: float | None) -> None:
    # Comparisons with NaN are false, so that a threshold alone lets some of them through.
    for measured in ({"n": 64, "smallest": number, "off": 0.5}, {"n": 64, "smallest": -1.0, "off": number}):
        assert verdict("softmax_output", row(measurements={"softmax_output": measured})) is NOT_RUN


WEAK = {
    "one_step_beats_iterative": {"method": "fgsm", "steps": 1},
    "black_box_beats_white_box": {"method": "hopskipjump", "access": "decisions", "steps": None},
    "random_noise_beats_gradient": {"method": "random-noise", "access": "scores", "steps": None},
    "transfer_beats_white_box": {"method": "transfer", "access": "surrogate"},
}


@pytest.mark.parametrize(("flag", "facts"), WEAK.items())
def test_a_weak_attack_that_finds_more_raises(flag: str, facts: dict[str, Any]) -> None:
    weak = attack(range(20), **facts)
    assert verdict(flag, row(weak, attack(range(100)))) is PASS
    # Two samples of 1,000 are the margin.
    assert verdict(flag, row(weak, attack(range(1, 100)))) is PASS
    assert verdict(flag, row(weak, attack(range(2, 100)))) is WARN
    assert verdict(flag, row(weak, attack(range(2, 12)))) is FAIL
    assert verdict(flag, row(weak)) is NOT_RUN
    assert verdict(flag, row(attack(range(100)))) is NOT_RUN


@pytest.mark.parametrize(
    ("weak", "strong", "n", "expected", "enough"),
    [
        (1, 0, 64, PASS, None),
        # One-sided, and too few to say so: a masked gradient on a small sample, or chance.
        (2, 0, 64, UNDECIDED, 160),
        (4, 0, 64, UNDECIDED, 80),
        (5, 0, 64, FAIL, None),
        (4, 2, 64, UNDECIDED, None),
        # As many the other way: attacks of equal strength that differ by chance.
        (3, 3, 64, WARN, None),
        (2, 40, 64, WARN, None),
        # The same few of a sample that is large enough: whatever they are, they are few.
        (2, 0, 624, WARN, None),
        (4, 0, 624, WARN, None),
        (5, 0, 624, FAIL, None),
        (8, 4, 624, UNDECIDED, None),
        (8, 4, 6240, PASS, None),
    ],
)
def test_a_sample_that_cannot_decide_says_so(
    weak: int, strong: int, n: int, expected: Verdict, enough: int | None
) -> None:
    excess = Excess(weak, strong, n)
    assert excess.verdict is expected
    if enough is not None:
        assert excess.enough() == enough


@pytest.mark.parametrize(("flag", "facts"), WEAK.items())
def test_attacks_on_different_sets_of_images_are_not_compared(flag: str, facts: dict[str, Any]) -> None:
    weak = attack(range(500), epsilon="0.1", **facts)
    assert verdict(flag, row(weak, attack(range(1)))) is NOT_RUN
    assert verdict(flag, row(weak, attack(range(1), norm="l2", epsilon="0.1"))) is NOT_RUN
    assert verdict(flag, row(weak, attack(range(1), epsilon="1/10"))) is FAIL
    # What falls within a smaller ε has fallen within the larger one too.
    assert verdict(flag, row(weak, attack(range(1), epsilon="0.1"), attack(range(500)))) is PASS


def test_a_rotation_is_no_rival_of_a_smooth_flow() -> None:
    spatial = {"norm": "spatial", "epsilon": "1"}
    rotated = attack(range(500), access="scores", **spatial, allowed="rotation by at most 30°")
    flow = attack(range(1), **spatial, allowed="a smooth flow of at most 1 pixel")
    assert verdict("black_box_beats_white_box", row(rotated, flow)) is NOT_RUN
    moved = attack(range(500), access="scores", **spatial, allowed=flow.facts.allowed)
    assert verdict("black_box_beats_white_box", row(moved, flow)) is FAIL


@pytest.mark.parametrize(("flag", "facts"), WEAK.items())
def test_an_ensemble_with_queries_does_not_show_that_gradients_work(flag: str, facts: dict[str, Any]) -> None:
    ensemble = attack(range(500), method="standard-v1", queries_too=True)
    assert verdict(flag, row(attack(range(500), **facts), ensemble, attack(range(1)))) is FAIL


def test_an_attack_that_ignores_the_defense_is_a_transfer() -> None:
    weak = attack(range(100), gradient="undefended", sees_defense=False)
    assert verdict("transfer_beats_white_box", row(weak, attack(range(50)))) is FAIL
    assert verdict("transfer_beats_white_box", row(weak)) is NOT_RUN


@pytest.mark.parametrize(
    ("claim", "expected"),
    [(None, NOT_APPLICABLE), (0.9, PASS), (0.9005, PASS), (0.9006, WARN), (0.885, WARN), (0.95, FAIL)],
)
def test_clean_reproduced(claim: float | None, expected: Verdict) -> None:
    assert verdict("clean_reproduced", row(clean=clean(wrong=100), claimed_accuracy=claim)) is expected


@pytest.mark.parametrize(("size", "expected"), [(8 / 255, PASS), (8 / 255 + 1e-4, FAIL)])
def test_in_threat_model(size: float, expected: Verdict) -> None:
    evidence = attack(range(3))
    evidence.samples.loc[7, "linf"] = size
    assert verdict("in_threat_model", row(evidence)) is expected


def test_a_set_without_a_pixel_norm_has_no_bound_to_check() -> None:
    assert verdict("in_threat_model", row(attack(range(3), norm="spatial", epsilon="0"))) is NOT_APPLICABLE


def test_silent_success() -> None:
    evidence = attack(range(3))
    assert verdict("silent_success", row(evidence)) is PASS
    evidence.samples.loc[2, "broken_at"] = 4
    assert verdict("silent_success", row(evidence)) is PASS
    evidence.samples.loc[3, "broken_at"] = 4
    assert verdict("silent_success", row(evidence)) is FAIL


@pytest.mark.parametrize(("n", "broken", "expected"), [(1000, 50, PASS), (1000, 500, WARN), (999, 50, WARN)])
def test_sample_size(n: int, broken: int, expected: Verdict) -> None:
    assert verdict("sample_size", row(attack(range(broken), n), clean=clean(n))) is expected


def watched(aware: bool, through: int, detector: str = "kd") -> DetectionEvidence:
    return DetectionEvidence("x", detector, aware, np.arange(100) < through)


@pytest.mark.parametrize(
    ("cells", "expected", "value"),
    [
        ([], NOT_APPLICABLE, None),
        ([watched(False, 90)], WARN, None),
        ([watched(True, 40), watched(False, 20)], PASS, 0.4),
        ([watched(True, 40), watched(True, 70), watched(False, 60)], PASS, 0.7),
        ([watched(True, 40), watched(False, 41)], PASS, 0.4),
        ([watched(True, 40), watched(False, 60)], WARN, 0.4),
        ([watched(True, 40), watched(False, 20, "svm")], WARN, 0.4),
    ],
)
def test_detector_joint(cells: list[DetectionEvidence], expected: Verdict, value: float | None) -> None:
    flag = BY_ID["detector_joint"].evaluate(row(detection=cells))
    assert (flag.verdict, flag.value) == (expected, value)


ZERO = {"cross-entropy": {"image": 0, "random start": 0}, "margin": {"image": 0, "random start": 0}}
STEADY = {"n": 64, "batch effect": 0.0, "fresh": 0.0, "same": 0.0, "changed": 0}
RISING = {"epsilon": [0.1, 0.2, 1.0], "classes": 2, "p": 1.0, "rise": 0}
SLOPES = {
    "n": 48,
    "gradient": "autograd",
    "checked": 40,
    "contradicted": 0,
    "error": 0.02,
    "correlation": 0.99,
    "straight": False,
}
KNOWN = {"n": 64, "stands": 1.0, "joined": {}}
BOTH = {"views": (0.15, 0.005), "validation": (0.15, 0.005)}
JUDGED = [
    *((flag, {"n": 64, "weak": 1, "strong": 0}, PASS) for flag in WEAK),
    *((flag, {"n": 64, "weak": 4, "strong": 0}, UNDECIDED) for flag in WEAK),
    *((flag, {"n": 64, "weak": 5, "strong": 0}, FAIL) for flag in WEAK),
    ("unbounded_fails", {"n": 100, "standing": 1}, PASS),
    ("unbounded_fails", {"n": 100, "standing": 2}, FAIL),
    ("eps_monotone", {"n": 64, **RISING, "standing": [60, 20, 0]}, PASS),
    ("eps_monotone", {"n": 64, **RISING, "standing": [60, 20, 33]}, FAIL),
    ("eps_monotone", {"n": 64, **RISING, "standing": [60, 20, 32]}, PASS),
    ("eps_monotone", {"n": 64, **RISING, "standing": [60, 61, 0], "rise": 1}, PASS),
    ("eps_monotone", {"n": 64, **RISING, "standing": [60, 62, 0], "rise": 2, "p": 0.25}, WARN),
    ("eps_monotone", {"n": 64, **RISING, "standing": [50, 62, 0], "rise": 12, "p": 0.001}, FAIL),
    ("zero_gradient", {"n": 100, "zero": ZERO, "not finite": 0}, PASS),
    ("zero_gradient", {"n": 100, "zero": ZERO, "not finite": 1}, FAIL),
    ("zero_gradient", {"n": 100, "zero": {**ZERO, "cross-entropy": {"image": 2}}, "not finite": 0}, WARN),
    ("zero_gradient", {"n": 100, "zero": {**ZERO, "cross-entropy": {"image": 1}}, "not finite": 0}, PASS),
    (
        "zero_gradient",
        {"n": 100, "zero": {"cross-entropy": {"image": 2}, "margin": {"image": 0, "start": 2}}, "not finite": 0},
        FAIL,
    ),
    ("zero_gradient", {"n": 100, "unavailable": "detached"}, FAIL),
    ("gradient_contradicted", {**SLOPES, "contradicted": 4}, PASS),
    ("gradient_contradicted", {**SLOPES, "contradicted": 5}, FAIL),
    ("gradient_contradicted", {**SLOPES, "checked": 0}, NOT_RUN),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.15, 0.0)}, "robustness": {"b": (0.2, 0.0)}}, PASS),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.5, 0.01)}, "robustness": {"b": (0.5, 0.15)}}, PASS),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.0, 1.0)}, "robustness": {"b": (0.31, 0.02)}}, UNDECIDED),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.16, 0.001)}, "robustness": {"b": (0.0, 1.0)}}, FAIL),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.0, 1.0)}, "robustness": {"b": (0.31, 0.001)}}, FAIL),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.0, 1.0)}, "robustness": BOTH}, PASS),
    ("memorised_images", {**KNOWN, "stands": 0.2, "accuracy": {"a": (0.0, 1.0)}, "robustness": BOTH}, FAIL),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.0, 1.0)}, "robustness": {}, "joined": {"c": (0.3, 0.0)}}, PASS),
    ("memorised_images", {**KNOWN, "accuracy": {"a": (0.0, 1.0)}, "robustness": {}, "joined": {"c": (0.4, 0.0)}}, FAIL),
    ("unstable_landscape", {"n": 64, "change": 0.1}, PASS),
    ("unstable_landscape", {"n": 64, "change": 0.11}, WARN),
    ("incomplete_optimisation", {"n": 64, "steps": 50, "standing": 0, "cut": 0}, PASS),
    ("incomplete_optimisation", {"n": 64, "steps": 50, "standing": 40, "cut": 2}, PASS),
    ("incomplete_optimisation", {"n": 64, "steps": 50, "standing": 40, "cut": 3}, WARN),
    ("not_converged", {"n": 64, "steps": 50, "falls": {"a": 1, "b": 0}}, PASS),
    ("not_converged", {"n": 64, "steps": 50, "falls": {"a": 0, "b": 2}}, WARN),
    ("not_converged", {"n": 5000, "steps": 50, "falls": {"a": 0, "b": 5}}, WARN),
    ("not_converged", {"n": 5000, "steps": 50, "falls": {"a": 0, "b": 4}}, PASS),
    ("randomised", STEADY, PASS),
    ("randomised", {**STEADY, "batch effect": 0.1}, PASS),
    ("randomised", {**STEADY, "fresh": 0.01}, FAIL),
    ("randomised", {**STEADY, "changed": 1}, FAIL),
    ("randomised", {**STEADY, "same": 0.01}, FAIL),
    ("dynamic", {"n": 64, "calls": 0}, PASS),
    ("dynamic", {"n": 64, "calls": 3}, FAIL),
    ("softmax_output", {"n": 64, "smallest": 0.0, "off": 1e-6}, WARN),
    ("softmax_output", {"n": 64, "smallest": -1e-3, "off": 1e-6}, PASS),
    ("softmax_output", {"n": 64, "smallest": 0.0, "off": 1e-3}, PASS),
    ("batch_dependence", {"n": 64, "alone": 1e-4, "permuted": 0.0}, PASS),
    ("batch_dependence", {"n": 64, "alone": 0.0, "permuted": 2e-4}, FAIL),
    ("asker_dependence", {"n": 64, "apart": {"from the parts": 0.0, "inference mode": 1e-4}}, PASS),
    ("asker_dependence", {"n": 64, "apart": {"from the parts": 2e-4, "inference mode": 0.0}}, FAIL),
    ("train_mode", {"n": 64, "modules": 0, "kinds": []}, PASS),
    ("train_mode", {"n": 64, "modules": 1, "kinds": ["Dropout"]}, FAIL),
    (
        "known_broken_control",
        {"n": 64, "zero_gradient": {"n": 64, "zero": {k: {"image": 64} for k in ZERO}, "not finite": 0}},
        PASS,
    ),
    ("known_broken_control", {"n": 64, "zero_gradient": {"n": 64, "zero": ZERO, "not finite": 0}}, FAIL),
]


@pytest.mark.parametrize(("flag", "measured", "expected"), JUDGED)
def test_what_a_measurement_means(flag: str, measured: dict[str, Any], expected: Verdict) -> None:
    assert verdict(flag, row(measurements={flag: measured})) is expected


def test_every_measurement_is_judged_both_ways() -> None:
    for check in MEASURED:
        if check.id not in ("bpda_component_alone", "probe_beats_row"):
            seen = {expected for flag, _, expected in JUDGED if flag == check.id}
            assert PASS in seen
            assert seen & {WARN, FAIL}


def test_a_declared_random_defense_must_be_attacked_as_one() -> None:
    traits = DefenseTraits(randomized=True)
    random, steady = {"randomised": {**STEADY, "fresh": 0.1}}, {"randomised": STEADY}

    def said(eot_samples: int, replicates: int, measurements: dict[str, Any]) -> Verdict:
        evidence = attack(range(3), eot_samples=eot_samples)
        return verdict("randomised", row(evidence, traits=traits, measurements=measurements, replicates=replicates))

    assert said(20, 10, random) is PASS
    assert said(19, 10, random) is FAIL
    assert said(20, 9, random) is WARN
    assert said(20, 10, steady) is WARN
    assert said(20, 10, {"randomised": {**random["randomised"], "same": 0.01}}) is FAIL


@pytest.mark.parametrize(
    ("probe", "rows", "expected"),
    [
        (range(8), range(7), PASS),
        (range(8), range(4), UNDECIDED),
        (range(8), range(3), FAIL),
        (range(3), range(8), PASS),
    ],
)
def test_what_plain_pgd_breaks_some_attack_of_the_row_must_break_too(
    probe: range, rows: range, expected: Verdict
) -> None:
    found = attack(rows)
    named = replace(found, samples=found.samples.assign(sample_id=[f"image {i}" for i in range(N)]))
    measured = {"n": 64, "fallen": {f"image {i}": i in probe for i in range(64)}}
    assert verdict("probe_beats_row", row(named, measurements={"probe_beats_row": measured})) is expected
    assert verdict("probe_beats_row", row(measurements={"probe_beats_row": measured})) is NOT_RUN


def test_an_exact_gradient_without_curvature_asks_for_attacks_on_values() -> None:
    measured = {"gradient_contradicted": {**SLOPES, "contradicted": 40, "straight": True}}
    by_values = {"gradient": "zeroth-order", "follows_values": True}
    search = attack(range(3), **by_values, effort={"serves": {"a black-box attack": ""}})
    for attacks, expected in (
        ([], FAIL),
        ([attack(range(3), **by_values, effort={"serves": {"a black-box attack": "few"}})], FAIL),
        ([search], WARN),
    ):
        assert verdict("gradient_contradicted", row(*attacks, measurements=measured)) is expected
    wrong = {"gradient_contradicted": {**SLOPES, "contradicted": 40}}
    assert verdict("gradient_contradicted", row(search, measurements=wrong)) is FAIL


def test_declared_gradients_at_inference_are_no_failure() -> None:
    traits = DefenseTraits(gradient_at_inference=True)
    for calls, expected in ((10, PASS), (0, WARN)):
        evidence = row(traits=traits, measurements={"dynamic": {"n": 64, "calls": calls}})
        assert verdict("dynamic", evidence) is expected


@pytest.mark.parametrize(
    ("n", "broken", "expected"), [(20, 19, PASS), (20, 18, FAIL), (2, 2, PASS), (1, 1, UNDECIDED), (0, 0, UNDECIDED)]
)
def test_bpda_component_alone(n: int, broken: int, expected: Verdict) -> None:
    measured = {"bpda_component_alone": {"n": n, "of": 20, "broken": broken, "epsilon": 0.25}}
    component = DefenseTraits(purifier=True, differentiable=False)
    assert verdict("bpda_component_alone", row(traits=component, measurements=measured)) is expected
    flag = BY_ID["bpda_component_alone"].evaluate(row(measurements=measured))
    assert flag.verdict is NOT_APPLICABLE
    assert "does not apply" in flag.note


def replay(**found: Any) -> dict[str, Any]:
    return {"asked": 100, "differ": 0, "worst": 1e-6, "slopes": 20, "slopes_off": 0, "slope_error": 0.02, **found}


@pytest.mark.parametrize(
    ("found", "answers", "gradients"),
    [
        ({}, Verdict.PASS, Verdict.PASS),
        ({"differ": 1, "worst": 0.1}, Verdict.WARN, Verdict.PASS),
        ({"differ": 2, "worst": 0.1}, Verdict.FAIL, Verdict.PASS),
        ({"slopes_off": 3}, Verdict.PASS, Verdict.FAIL),
        ({"slopes": 2, "slopes_off": 2}, Verdict.PASS, Verdict.NOT_APPLICABLE),
    ],
)
def test_attackers_must_be_told_the_truth(found: dict[str, Any], answers: Verdict, gradients: Verdict) -> None:
    evidence = row(replace(attack(range(0)), replayed=replay(**found)))
    assert verdict("replayed_answers", evidence) is answers
    assert verdict("replayed_gradients", evidence) is gradients
    assert verdict("replayed_answers", row(attack(range(0)))) is Verdict.NOT_RUN


@pytest.mark.parametrize(("leaked", "expected"), [(0, PASS), (1, WARN), (6, WARN), (7, FAIL), (624, FAIL)])
def test_more_than_one_image_in_a_hundred_that_was_learned_is_too_many(leaked: int, expected: Verdict) -> None:
    flag = BY_ID["leaked_images"].evaluate(row(leaked=leaked, evaluation=624))
    assert (flag.verdict, flag.value, flag.n) == (expected, leaked / 624, 624)
