"""The board as one flat table: a line per defense, attack and detector."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmark.core.harmless import in_csv
from benchmark.evaluation.clinical import ClinicalMetrics
from leaderboard.reference import Reference
from leaderboard.schema import Board, DetectionRow, Estimate, RobustnessRow, SurvivalCurve, TransferEntry


def to_csv(board: Board) -> str:
    """`rows.csv`: shares in [0, 1], full precision, one line per cell and one per row's worst case."""
    lines = [line for row in board.robustness for line in _robustness(row)] + [_detection(r) for r in board.detection]
    if board.reference is not None:
        lines.append(_reference(board.reference))
    if board.transfer is not None:
        lines += [_transfer(entry) for entry in board.transfer.entries]
    for line in lines:
        line["title"] = board.title
        line["phantom"] = board.phantom
    return _written(pd.DataFrame(lines))


def _robustness(row: RobustnessRow) -> list[dict[str, object]]:
    shared: dict[str, object] = {"table": "robustness", "defense": row.defense, "detector": "none", "n": row.n}
    flags = ";".join(f"{f.id}={f.verdict.value}" for f in row.flags)
    status: dict[str, object] = {"row_status": row.status, "remarks": "; ".join(row.remarks), "flags": flags}
    lines = [
        {
            **shared,
            "attack": "clean",
            "status": "done" if row.clean else "error",
            **_share("robust", row.clean),
            **_clinical(row.clinical_clean),
            **status,
        }
    ]
    for result in row.attacks:
        fresh = result.fresh
        lines.append(
            {
                **shared,
                "attack": result.attack,
                "status": result.status,
                "reason": result.reason,
                **_share("robust", result.robust),
                **_share("robust_stored", result.stored),
                **_share("kept_stored", result.kept),
                "fresh_mean": fresh.mean if fresh else None,
                "fresh_sd": fresh.deviation if fresh else None,
                "fresh_worst": fresh.worst if fresh else None,
                "forwards": result.forwards,
                "backwards": result.backwards,
                "threat": result.threat,
                **status,
            }
        )
    for measure in ("unperturbed", "known_draws"):
        share = getattr(row.diagnosis, measure) if row.diagnosis else None
        if share is not None:
            lines.append({**shared, "table": "diagnosis", "attack": measure, **_share("success", share)})
    place = row.ranking
    lines.append(
        {
            **shared,
            "attack": "worst case",
            "status": "done" if row.worst else "error",
            **_share("robust", row.worst),
            **_clinical(row.clinical_worst),
            "above_constant": row.above_constant if row.balanced else None,
            "rank": place.rank if place else None,
            "rank_low": place.low if place else None,
            "rank_high": place.high if place else None,
            "threat": row.threat,
            **status,
        }
    )
    return lines


def _reference(reference: Reference) -> dict[str, object]:
    return {
        "table": "reference",
        "defense": f"constant answer {reference.label}",
        "attack": "any",
        "detector": "none",
        "status": "reference",
        "n": reference.n,
        **_share("robust", reference.accuracy),
        "sensitivity": reference.sensitivity,
        "specificity": reference.specificity,
        "balanced_accuracy": reference.balanced_accuracy,
        "auroc": 0.5,
    }


def _clinical(metrics: ClinicalMetrics | None) -> dict[str, object]:
    names = ("sensitivity", "specificity", "balanced_accuracy", "auroc")
    parts = (_share(name, getattr(metrics, name) if metrics else None) for name in names)
    return {key: value for part in parts for key, value in part.items()}


def _detection(row: DetectionRow) -> dict[str, object]:
    line: dict[str, object] = {
        "table": "detection",
        "defense": row.defense,
        "attack": row.attack,
        "detector": row.detector,
        "trained_on": row.trained_on,
        "status": row.status,
        "reason": row.reason,
        "n": row.n,
        "threat": row.threat,
        **_share("success", row.success),
    }
    metrics = row.metrics
    if metrics is not None:
        line |= _share("auc", metrics.auc)
        line |= _share("auc_two_sided", metrics.auc_two_sided)
        line |= _share("auc_fooled", metrics.auc_fooled)
        for name, point in (("10", metrics.at_10), ("5", metrics.at_5)):
            line[f"threshold_at_{name}"] = point.threshold
            line |= _share(f"fpr_clean_at_{name}", point.clean)
            line |= _share(f"fpr_noisy_at_{name}", point.noisy)
            line |= _share(f"fpr_moved_at_{name}", point.moved)
            line |= _share(f"tpr_at_{name}", point.adversarial)
            line |= _share(f"tpr_stored_at_{name}", point.stored)
            line |= _share(f"joint_success_at_{name}", point.joint_success)
    return line


def _transfer(entry: TransferEntry) -> dict[str, object]:
    return {
        "table": "transfer",
        "defense": entry.target,
        "attack": entry.source,
        "detector": "none",
        "status": entry.status,
        "reason": entry.reason,
        "n": entry.n,
        "threat": entry.threat.sentence() if entry.threat else "",
        "white_box": entry.white_box,
        **_share("success", entry.success),
    }


def survival_csv(curves: Sequence[SurvivalCurve]) -> str:
    """`survival.csv`: robust accuracy after each step at which it changes, the first and the last included."""
    lines = [
        {"defense": curve.defense, "attack": curve.attack, "step": step, "robust_accuracy": accuracy}
        for curve in curves
        for step, accuracy in zip(curve.steps, curve.accuracy, strict=True)
    ]
    columns = ["defense", "attack", "step", "robust_accuracy"]
    return _written(pd.DataFrame(lines, columns=columns))


def _written(table: pd.DataFrame) -> str:
    safe = table.map(lambda cell: in_csv(cell) if isinstance(cell, str) else cell)
    return str(safe.to_csv(index=False, lineterminator="\n"))


def _share(name: str, value: Estimate | None) -> dict[str, object]:
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: value.value, f"{name}_low": value.interval.low, f"{name}_high": value.interval.high}
