"""The board as one flat table: a line per defense, attack and detector."""

from __future__ import annotations

import pandas as pd

from leaderboard.schema import Board, DetectionRow, Estimate, RobustnessRow


def to_csv(board: Board) -> str:
    """`rows.csv`: shares in [0, 1], full precision, one line per cell and one per row's worst case."""
    lines = [line for row in board.robustness for line in _robustness(row)] + [_detection(r) for r in board.detection]
    for line in lines:
        line["title"] = board.title
        line["phantom"] = board.phantom
    return str(pd.DataFrame(lines).to_csv(index=False, lineterminator="\n"))


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
    clinical = row.clinical_worst
    lines.append(
        {
            **shared,
            "attack": "worst case",
            "status": "done" if row.worst else "error",
            **_share("robust", row.worst),
            "sensitivity": clinical.sensitivity if clinical else None,
            "specificity": clinical.specificity if clinical else None,
            "balanced_accuracy": clinical.balanced_accuracy if clinical else None,
            "auroc": clinical.auroc if clinical else None,
            "threat": row.threat,
            **status,
        }
    )
    return lines


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
        line |= {
            "auc": metrics.auc,
            "auc_low": metrics.auc_interval.low if metrics.auc_interval else None,
            "auc_high": metrics.auc_interval.high if metrics.auc_interval else None,
            "auc_two_sided": metrics.auc_two_sided,
            "auc_fooled": metrics.auc_fooled,
        }
        for name, point in (("10", metrics.at_10), ("5", metrics.at_5)):
            line |= {
                f"threshold_at_{name}": point.threshold,
                f"fpr_clean_at_{name}": point.clean,
                f"fpr_noisy_at_{name}": point.noisy,
                f"tpr_at_{name}": point.adversarial,
                f"joint_success_at_{name}": point.joint_success,
            }
    return line


def _share(name: str, value: Estimate | None) -> dict[str, object]:
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: value.value, f"{name}_low": value.interval.low, f"{name}_high": value.interval.high}
