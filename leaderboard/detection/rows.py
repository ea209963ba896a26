"""Detection rows: how well a detector tells an attack's images from harmless ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmark.evaluation.detection import DetectorScores
from benchmark.evaluation.detection_bootstrap import evaluate_detection
from benchmark.evaluation.intervals import share_of
from benchmark.records.run_record import CellRecord
from leaderboard.detection.schema import DetectionRow
from leaderboard.reading import alone, checked
from leaderboard.results import Results

_SCORES = ("", "_clean", "_noisy", "_stored", "_moved")
_COLUMNS = ("group", "robust", "split", *(f"detector_score{kind}" for kind in _SCORES))


def detection_rows(results: Results) -> tuple[DetectionRow, ...]:
    """One row per defended model, detector and attack, in the suite's order; one that cannot be read is an "error"."""
    return tuple(
        alone(
            lambda c=cell: detection_row(c, results),  # type: ignore[misc]
            lambda reason, c=cell: _without_result(c, "error", reason),  # type: ignore[misc]
        )
        for cell in results.run.of("detection")
    )


def _without_result(cell: CellRecord, status: str, reason: str) -> DetectionRow:
    return DetectionRow(*_names(cell), status, reason, 0, None, None, cell.sentence)


def detection_row(cell: CellRecord, results: Results) -> DetectionRow:
    """What a cell of a detector and an attack came to; raises where its records cannot be read."""
    if cell.status != "done":
        return _without_result(cell, cell.status, cell.reason)
    samples = checked(results.samples(cell.done_key), _COLUMNS)
    calibration, test = samples[samples["split"] == "calibration"], samples[samples["split"] == "test"]
    if not len(test) or not len(calibration):
        reason = "no image is left to calibrate or test on; use more evaluation images"
        return _without_result(cell, "error", reason)
    groups = test["group"].tolist()
    scores = DetectorScores(
        calibration=_scores(calibration, "detector_score_clean"),
        clean=_scores(test, "detector_score_clean"),
        noisy=_scores(test, "detector_score_noisy"),
        adversarial=_scores(test, "detector_score"),
        fooled=~test["robust"].to_numpy(),
        groups=groups,
        calibration_groups=calibration["group"].tolist(),
        stored=_scores(test, "detector_score_stored"),
        moved=_scores(test, "detector_score_moved"),
    )
    metrics = evaluate_detection(scores, seed=results.run.seed)
    remark = metrics.no_credit()
    status = "no credit" if remark else "done"
    return DetectionRow(
        *_names(cell), status, remark, len(test), share_of(~test["robust"], groups), metrics, cell.sentence
    )


def _scores(samples: pd.DataFrame, column: str) -> np.ndarray:
    values = samples[column].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{column} holds a score that is not finite")
    return values


def _names(cell: CellRecord) -> tuple[str, str, str, str]:
    return cell.defense, cell.attack, cell.detector, cell.trained_on or cell.attack
