"""Detection rows: how well a detector tells an attack's images from harmless ones."""

from __future__ import annotations

from typing import Any

from benchmark.evaluation.detection import DetectorScores, evaluate_detection
from benchmark.store import Store
from leaderboard.robustness import estimate
from leaderboard.schema import DetectionRow


def detection_rows(manifest: dict[str, Any], store: Store) -> tuple[DetectionRow, ...]:
    """One row per defended model, detector and attack, in the suite's order."""
    cells = [c for c in manifest["cells"] if c["table"] == "detection"]
    return tuple(_row(cell, manifest["seed"], store) for cell in cells)


def _row(cell: dict[str, Any], seed: int, store: Store) -> DetectionRow:
    sentence = cell["threat"]["sentence"] if cell["threat"] else ""
    trained_on = cell["facts"]["trained_on"] if cell["facts"] else cell["attack"]
    names = (cell["defense"], cell["attack"], cell["detector"], trained_on)
    if cell["status"] != "done":
        return DetectionRow(*names, cell["status"], cell["reason"], 0, None, None, sentence)
    samples = store.samples(cell["key"])
    calibration, test = samples[samples["split"] == "calibration"], samples[samples["split"] == "test"]
    if not len(test) or not len(calibration):
        reason = "no image is left to calibrate or test on; use more evaluation images"
        return DetectionRow(*names, "error", reason, 0, None, None, sentence)
    scores = DetectorScores(
        calibration=calibration["detector_score_clean"].to_numpy(),
        clean=test["detector_score_clean"].to_numpy(),
        noisy=test["detector_score_noisy"].to_numpy(),
        adversarial=test["detector_score"].to_numpy(),
        fooled=~test["robust"].to_numpy(dtype=bool),
        groups=test["group"].tolist(),
    )
    success = estimate(~test["robust"].astype(bool), test["group"])
    return DetectionRow(*names, "done", "", len(test), success, evaluate_detection(scores, seed=seed), sentence)
