"""Whether what was asked of the images that stand is as much as an attack must ask."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmark.evaluation.flags.base import AttackEvidence
from benchmark.evaluation.spent import unspent
from tests.records.made_by_hand import facts

CE, BLACK = "a white-box attack on cross-entropy of at least 10 steps", "a black-box attack"


def evidence(
    label: str, serves: list[str], forwards: int, moved: float = 0.03, stands: int = 20, **effort: Any
) -> AttackEvidence:
    """An attack on 40 images, of which `stands` stand, each asked about `forwards` times; the others fell at once."""
    samples = pd.DataFrame(
        {
            "attacked": [True] * 40,
            "robust": [True] * stands + [False] * (40 - stands),
            "forwards": [forwards] * stands + [1] * (40 - stands),
            "backwards": 0,
            "linf": moved,
        }
    )
    stated = {"serves": dict.fromkeys(serves, ""), "forwards": 100, "moves": True, **effort}
    return AttackEvidence(label, facts(effort=stated), samples)


def test_what_was_spent_is_enough() -> None:
    assert unspent([evidence("square", [BLACK], 100), evidence("pgd", [CE], 100)]) == []
    assert unspent([]) == []


def test_an_attack_that_asked_too_little_is_named() -> None:
    (remark,) = unspent([evidence("square", [BLACK], 99), evidence("pgd", [CE], 100)])
    assert remark.startswith(f"{BLACK} that was carried out (square: 20 of 20 standing images cost less than 100")


def test_backward_passes_count_as_well() -> None:
    assert unspent([evidence("pgd", [CE], 100, backwards=10)])


def test_another_attack_stands_in() -> None:
    assert unspent([evidence("lazy", [BLACK], 1), evidence("square", [BLACK], 100)]) == []
    assert unspent([evidence("lazy", [BLACK], 1), evidence("pgd", [CE], 100)])


def test_images_that_fell_need_no_effort() -> None:
    assert unspent([evidence("square", [BLACK], 1, stands=0)]) == []


def test_one_image_left_early_is_no_sign() -> None:
    attack = evidence("square", [BLACK], 100)
    attack.samples.loc[0, "forwards"] = 2
    assert unspent([attack]) == []
    attack.samples.loc[[1, 2], "forwards"] = 2
    assert unspent([attack])


def test_images_that_were_not_moved_were_not_attacked() -> None:
    assert "no standing image was moved" in unspent([evidence("pgd", [CE], 500, moved=1e-8)])[0]
    assert unspent([evidence("fab", [CE], 500, moved=0, moves=False)]) == []


def test_the_set_on_which_the_row_lacks_least_counts() -> None:
    other = {"allowed_set": ("l2", 1.0)}
    lazy = [evidence("lazy", [BLACK], 1, **other), evidence("pgd-l2", [CE], 100, **other)]
    assert unspent([*lazy, evidence("square", [BLACK], 100), evidence("pgd", [CE], 100)]) == []
    assert unspent([*lazy, evidence("pgd", [CE], 100)])
