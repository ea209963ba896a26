"""Robustness rows from hand-made records: one rule per group of columns, ranks that a constant answer cannot win."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.evaluation.intervals import wilson
from leaderboard.board import Board, read_board
from leaderboard.pages.flat_csv import to_csv
from leaderboard.pages.markdown import to_markdown
from leaderboard.randomness.table import randomness_table
from leaderboard.reference.rows import constant_answer
from leaderboard.robustness import rows
from leaderboard.robustness.table import robustness_table
from leaderboard.robustness.worst_case import worst_case
from tests.leaderboard.frames import HandMadeRun, attack_frame, clean_frame

LABELS = np.repeat([0, 1], [20, 44])
"""As in the quick profile: 68.75 % are diseased."""
CONSTANT = LABELS == 1


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HandMadeRun:
    """A run whose rows no flag stands against; flags have tests of their own."""
    monkeypatch.setattr(rows, "evaluate_flags", lambda _: [])
    return HandMadeRun(tmp_path)


def board(made: HandMadeRun) -> Board:
    made.manifest()
    return read_board(made.store.root)


def cells(found: Board) -> dict[str, dict[str, str]]:
    headers, lines = robustness_table(found.robustness, found.reference)
    return {line[1]: dict(zip(headers, line, strict=True)) for line in lines}


def row(made: HandMadeRun, name: str, right: np.ndarray, robust: np.ndarray) -> None:
    clean = clean_frame(LABELS.tolist(), right.tolist())
    made.row(name, clean, {"pgd": attack_frame(clean, robust.tolist())})


def test_a_constant_answer_ranks_below_a_modest_defense_and_is_told_so(made: HandMadeRun) -> None:
    everything = np.ones(64, dtype=bool)
    modest = np.arange(64) % 5 > 1
    row(made, "constant", CONSTANT, CONSTANT)
    row(made, "modest", everything, modest)
    found = board(made)
    first, last = found.robustness
    assert (first.defense, last.defense) == ("modest", "constant")
    assert first.worst is not None
    assert last.worst is not None
    assert last.worst.value == 0.6875 > first.worst.value, "by robust accuracy the constant answer would win"
    assert last.balanced is not None
    assert last.balanced.value == 0.5
    table = cells(found)
    assert table["constant"]["Status"] == "ranked, not above a constant answer"
    assert table["modest"]["Status"] == "ranked, not above a constant answer"
    row(made, "strong", everything, np.arange(64) % 8 > 0)
    table = cells(board(made))
    assert table["strong"]["Status"] == "ranked"
    assert table["strong"]["Rank"] == "1 [1–1]"


def test_every_table_shows_what_looking_at_no_image_gets(made: HandMadeRun) -> None:
    row(made, "none", np.ones(64, dtype=bool), np.zeros(64, dtype=bool))
    found = board(made)
    line = cells(found)['constant answer "disease"']
    share = "68.8 [56.6, 78.8]"
    assert [line[h] for h in ("Clean", "pgd", "Robust accuracy, worst case")] == [share] * 3
    measures = ("Balanced accuracy, worst case", "Sens., worst case", "Spec., worst case", "AUROC, final image")
    assert [line[h] for h in measures] == ["50.0", "100.0", "0.0", "50.0"]
    assert (line["Rank"], line["Status"]) == ("–", "reference")
    assert "constant answer" in to_markdown(found)
    (line,) = pd.read_csv(StringIO(to_csv(found))).query("table == 'reference'").to_dict("records")
    assert (line["robust"], line["balanced_accuracy"], line["status"]) == (0.6875, 0.5, "reference")


def test_the_constant_answer_of_many_classes() -> None:
    images = pd.DataFrame({"label": [2, 2, 2, 0, 1, 3], "group": range(6)})
    found = constant_answer(images, ["a", "b", "c", "d"])
    assert (found.label, found.balanced_accuracy, found.sensitivity, found.specificity) == ("c", 0.25, 0.25, 0.75)
    assert found.accuracy.interval == wilson(3, 6)


def test_sensitivity_and_specificity_are_implied_by_who_is_robust(made: HandMadeRun) -> None:
    # A randomized model: some breaks were verified at an early step, and the last draw is right after all.
    clean = clean_frame(LABELS.tolist(), (np.arange(64) % 9 > 0).tolist())
    robust = np.arange(64) % 3 > 0
    lucky = attack_frame(clean, robust)
    right_again = (np.arange(64) % 4 == 0) & clean["clean_right"]
    answer = np.where(right_again, lucky["label"], lucky["adversarial_prediction"])
    frame = lucky.assign(adversarial_prediction=answer, scores=list(np.eye(2)[answer] * 0.8 + 0.1))
    made.row("random", clean, {"pgd": frame}, randomized=True)
    found = board(made).robustness[0]
    clinical, standing = found.clinical_worst, frame["robust"].to_numpy()
    assert clinical is not None
    assert clinical.sensitivity is not None
    assert clinical.specificity is not None
    assert found.worst is not None
    assert clinical.sensitivity.value == standing[LABELS == 1].mean()
    assert clinical.specificity.value == standing[LABELS == 0].mean()
    implied = (44 * clinical.sensitivity.value + 20 * clinical.specificity.value) / 64
    assert found.worst.value == pytest.approx(implied)
    assert found.balanced == clinical.balanced_accuracy


def test_of_many_classes_a_lucky_image_counts_as_the_likeliest_wrong_one() -> None:
    clean = pd.DataFrame(
        {
            "label": [0, 0, 0],
            "group": ["a", "b", "c"],
            "clean_prediction": [0, 0, 0],
            "clean_right": [True, True, True],
            "scores": [[0.8, 0.1, 0.1]] * 3,
        }
    )
    first = pd.DataFrame(
        {
            "robust": [False, False, True],
            "adversarial_prediction": [0, 2, 0],
            "scores": [[0.5, 0.1, 0.4], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]],
        }
    )
    second = pd.DataFrame(
        {
            "robust": [True, False, True],
            "adversarial_prediction": [0, 1, 0],
            "scores": [[0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.9, 0.0, 0.1]],
        }
    )
    worst = worst_case(clean, [first, second])
    assert worst["robust"].tolist() == [False, False, True]
    assert worst["prediction"].tolist() == [2, 1, 0]
    assert [s.tolist() for s in worst["scores"]] == [[0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]]


def test_fresh_draws_of_clean_and_attacked_images_are_comparable(made: HandMadeRun) -> None:
    # An image wrong in the recorded clean draw, and right in most, is not attacked; an attack that does nothing
    # must show the clean line again.
    right = np.arange(64) > 3
    often = np.where(right, 0.9, 0.7)
    clean = clean_frame(LABELS.tolist(), right.tolist()).assign(fresh_right=often)
    made.row("random", clean, {"nothing": attack_frame(clean, right, fresh_right=often)}, randomized=True)
    _, lines = randomness_table(board(made).robustness)
    # Var of one draw's accuracy: Σ p (1 − p) / n², p (1 − p) estimated from ten draws.
    deviation = np.sqrt((often * (1 - often)).sum() * 10 / 9) / 64
    expected = f"{100 * often.mean():.1f} ± {100 * deviation:.1f}"
    assert [line[4] for line in lines] == [expected, expected]


@pytest.mark.parametrize(("kept", "expected"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
def test_what_storing_leaves_of_an_attack(made: HandMadeRun, kept: float, expected: float) -> None:
    clean = clean_frame(LABELS.tolist(), [True] * 64)
    robust = np.arange(64) % 2 == 0
    stays = (np.arange(64) // 2) % 2 < 2 * kept
    frame = attack_frame(clean, robust, stored_right=robust | ~stays)
    made.row("none", clean, {"pgd": frame})
    attack = board(made).robustness[0].attacks[0]
    assert attack.kept is not None
    assert attack.stored is not None
    assert attack.kept.value == expected
    assert attack.stored.value == 0.5 + 0.5 * (1 - expected)
    assert attack.robust is not None
    assert attack.robust.value == 0.5


def test_without_an_image_of_a_class_there_is_no_rank(made: HandMadeRun) -> None:
    clean = clean_frame([1] * 12, [True] * 12)
    made.row("none", clean, {"pgd": attack_frame(clean, [True] * 12)})
    (found,) = board(made).robustness
    assert (found.status, found.balanced, found.ranking) == ("undecided", None, None)
    assert "more images needed" in found.remarks[0]


def test_rows_that_cannot_be_told_apart_share_a_rank(made: HandMadeRun) -> None:
    everything = np.ones(64, dtype=bool)
    row(made, "a", everything, np.arange(64) % 6 > 0)
    row(made, "b", everything, (np.arange(64) % 6 > 0) & (np.arange(64) != 1))
    row(made, "broken", everything, np.zeros(64, dtype=bool))
    found = board(made)
    table = cells(found)
    assert [table[name]["Rank"] for name in ("a", "b", "broken")] == ["1 [1–2]", "1 [1–2]", "3 [3–3]"]
    text = to_markdown(found, "robustness")
    assert "## Can the ranks be told apart?" in text
    assert [r.ranking.apart for r in found.robustness if r.ranking] == [False, True, False]
    assert "rank_low" in to_csv(found).splitlines()[0]


def test_public_columns_stay(made: HandMadeRun) -> None:
    row(made, "none", np.ones(64, dtype=bool), np.zeros(64, dtype=bool))
    columns = to_csv(board(made)).splitlines()[0].split(",")
    before = """
        table defense detector n attack status robust robust_low robust_high row_status remarks flags reason fresh_mean
        fresh_sd fresh_worst forwards backwards threat sensitivity specificity balanced_accuracy auroc title phantom
    """
    assert set(before.split()) <= set(columns)
    added = "robust_stored kept_stored_low rank rank_low rank_high above_constant sensitivity_low auroc_high"
    assert set(added.split()) <= set(columns)
