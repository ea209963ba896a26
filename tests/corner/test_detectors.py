"""A dishonest detector scores no better than chance, and changes no other; an honest one is never refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.corner.catalogue import DETECTORS
from tests.corner.harness import DETECTION, Finished, begin, run
from tests.corner.rows import detection_of

CHANCE = 0.75
"""What luck and a network's own confidence can do with so few images."""

HONEST = ("kd", "maha", "svm", "lid")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, trained: tuple[Path, Finished]) -> Finished:
    """A run of all dishonest detectors, each of which has processes of its own, and after them the honest ones."""
    # The labels' order is that of the steps.
    detectors = {**{detector.name: {} for detector in DETECTORS}, **{name: {} for name in HONEST}}
    folder = begin(tmp_path_factory.mktemp("together"), trained[0], "train")
    return run(folder, defense={"none": {}}, detection=DETECTION, detector=detectors)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_a_dishonest_detector_is_no_better_than_chance(detector: type[Any], together: Finished) -> None:
    row = detection_of(together, detector.name)
    credited = row.status == "done" and row.metrics is not None and row.metrics.auc.value >= CHANCE
    assert credited == bool(detector.known_gap), row


def test_no_dishonest_detector_changes_another(together: Finished, alone: Finished) -> None:
    assert detection_of(together, "kd") == detection_of(alone, "kd")


@pytest.mark.parametrize("detector", HONEST)
def test_an_honest_detector_is_never_refused(detector: str, together: Finished) -> None:
    row = detection_of(together, detector)
    assert row.status == "done", row.reason
