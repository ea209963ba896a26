from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from defenses.base import Defense
from tests.corner.harness import DETECTION, PROBES, Finished, begin, beside_none, run

FINE_TUNED = "fine-tuned"
"""The honest defense that attacks are tried on."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A run without any control: its folder, whose classifier the others take, and what it says."""
    folder = tmp_path_factory.mktemp("alone")
    tables = {"defense": {"none": {"probes": 0}}, "detector": {"kd": {}}}
    return folder, run(folder, robustness=beside_none("none", attacks={}), detection=DETECTION, **tables)


@pytest.fixture
def alone(trained: tuple[Path, Finished]) -> Finished:
    """The run without any control."""
    return trained[1]


@pytest.fixture(scope="session")
def beside(
    tmp_path_factory: pytest.TempPathFactory, trained: tuple[Path, Finished]
) -> Callable[[tuple[type[Defense], ...]], Finished]:
    """Runs some defenses, and after them none; the same ones only once."""

    @cache
    def finished(defenses: tuple[type[Defense], ...]) -> Finished:
        labels = [defense.name for defense in defenses]
        tables = {"defense": {**{label: {} for label in labels}, "none": {"probes": 0}}}
        folder = begin(tmp_path_factory.mktemp("beside"), trained[0], "train")
        return run(folder, robustness=beside_none(*labels), **tables)

    return finished


@pytest.fixture(scope="session")
def defended(tmp_path_factory: pytest.TempPathFactory, trained: tuple[Path, Finished]) -> Path:
    """The folder of a run without any dishonest attack, whose defended models those are tried on."""
    folder = begin(tmp_path_factory.mktemp("defended"), trained[0], "train")
    attacks = {"pgd": {"steps": 20, "defenses": ["none"]}, "fgsm": {"defenses": [FINE_TUNED]}}
    run(folder, defense={"none": {}, FINE_TUNED: {"probes": 0}}, robustness={**PROBES, "attack": attacks})
    return folder


@pytest.fixture
def folder(tmp_path: Path, defended: Path) -> Path:
    """A run folder with the defended models in it, what they say of clean images, and their probes."""
    return begin(tmp_path, defended, "train", "fit", "clean", "probe")
