"""The page of threats speaks of every kind of control."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corner.catalogue import ATTACKS, DETECTORS, DISHONEST

PAGE = Path(__file__).parents[2] / "docs" / "threats-to-the-benchmark.md"


@pytest.mark.parametrize("kind", [*DISHONEST, "attacks", "detectors"])
def test_every_kind_is_on_the_page(kind: str) -> None:
    assert f"| `{kind}` |" in PAGE.read_text(encoding="utf-8")


def test_there_are_controls_of_every_kind() -> None:
    kinds = [line.split("`")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert sorted(kinds) == sorted([*DISHONEST, "attacks", "detectors"])
    assert all(DISHONEST[kind] for kind in kinds if kind in DISHONEST)
    assert ATTACKS
    assert DETECTORS
