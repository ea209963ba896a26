"""Reading what a run says."""

from __future__ import annotations

import pandas as pd

from leaderboard.detection.schema import DetectionRow
from leaderboard.robustness.schema import RobustnessRow
from tests.corner.harness import Finished


def row_of(finished: Finished, label: str) -> RobustnessRow:
    """The robustness row of a defense; fails where the run died."""
    assert finished.manifest is not None, finished.died
    return next(row for row in finished.robustness if row.defense == label)


def detection_of(finished: Finished, detector: str) -> DetectionRow:
    """The detection row of a detector; fails where the run died."""
    assert finished.manifest is not None, finished.died
    return next(row for row in finished.detection if row.detector == detector)


def assert_unchanged(finished: Finished, alone: Finished, defense: str) -> None:
    """Every record of another row is what it is without the control, and none is lacking."""
    assert finished.manifest is not None, finished.died
    lacking = [c for c in finished.manifest.cells if c.defense == defense and c.status == "error"]
    assert not lacking, lacking[0].reason
    cells = [cell for cell in alone.samples if cell[0] == defense and cell in finished.samples]
    assert cells
    for cell in cells:
        pd.testing.assert_frame_equal(finished.samples[cell], alone.samples[cell], obj=f"{cell}")
