"""What the flags of a row rest on, gathered from the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmark.evaluation.detection import threshold_at
from benchmark.evaluation.flags.base import AttackEvidence, DetectionEvidence, RowEvidence
from benchmark.records.run_record import CellRecord
from benchmark.records.store import Store
from leaderboard.results import Results


def row_evidence(defense: str, clean: pd.DataFrame, attacks: list[AttackEvidence], results: Results) -> RowEvidence:
    """The evidence of a defense's row from its clean records, its finished attacks, its probe and its detectors."""
    run, store = results.run, results.store
    cells = [c for c in run.cells if c.defense == defense]
    facts = run.defenses[defense]
    key = next(c.done_key for c in cells if (c.table, c.attack) == ("robustness", "clean"))
    measurements, unmeasured = _measurements(cells, store)
    return RowEvidence(
        traits=facts.traits,
        clean=clean,
        attacks=attacks,
        measurements=measurements,
        unmeasured=unmeasured,
        replicates=len(store.record(key).results["accuracy"]),
        claimed_accuracy=facts.claimed_accuracy,
        detection=[e for c in cells if c.table == "detection" and (e := _detection(c, results)) is not None],
        leaked=run.data.leaked,
        evaluation=run.data.counts.evaluation,
    )


def _measurements(cells: Sequence[CellRecord], store: Store) -> tuple[dict[str, dict[str, Any]], str]:
    """(measurements by flag, why there are none)."""
    probe = next((c for c in cells if c.table == "probe"), None)
    if probe is None:
        return {}, "no probe was run"
    if probe.status != "done":
        return {}, f"the probe has no result: {probe.reason or probe.status}"
    return store.record(probe.done_key).results["measurements"], "the probe did not measure it"


def _detection(cell: CellRecord, results: Results) -> DetectionEvidence | None:
    if cell.status != "done":
        return None
    samples = results.samples(cell.done_key)
    calibration, test = samples[samples["split"] == "calibration"], samples[samples["split"] == "test"]
    threshold = threshold_at(calibration["detector_score_clean"], true_negative_rate=0.95)
    if threshold is None or not len(test):
        return None
    through = ~test["robust"].to_numpy(dtype=bool) & (test["detector_score"].to_numpy() <= threshold)
    aware = cell.threat is not None and cell.threat.detector == "adaptive"
    return DetectionEvidence(cell.attack, cell.detector, aware, through)
