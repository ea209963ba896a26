"""A dishonest detector scores no better than chance, and changes no other; an honest one is never refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.corner.catalogue import DETECTORS
from tests.corner.harness import DETECTION, Finished, run
from tests.corner.rows import detection_of

CHANCE = 0.75
"""What luck and a network's own confidence can do with so few images."""


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)
def test_a_dishonest_detector_is_no_better_than_chance(detector: type[Any], folder: Path, alone: Finished) -> None:
    # The label puts it before the honest one.
    finished = run(folder, defense={"none": {}}, detection=DETECTION, detector={detector.name: {}, "kd": {}})
    row = detection_of(finished, detector.name)
    credited = row.status == "done" and row.metrics is not None and row.metrics.auc.value >= CHANCE
    assert credited == bool(detector.known_gap), row
    honest, before = detection_of(finished, "kd"), detection_of(alone, "kd")
    assert honest == before


@pytest.mark.parametrize("detector", ["kd", "maha", "svm", "lid"])
def test_an_honest_detector_is_never_refused(detector: str, folder: Path) -> None:
    row = detection_of(run(folder, defense={"none": {}}, detection=DETECTION, detector={detector: {}}), detector)
    assert row.status == "done", row.reason
