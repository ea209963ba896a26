"""The robustness table as lines of a flat one."""

from __future__ import annotations

from benchmark.evaluation.clinical import ClinicalMetrics
from leaderboard.robustness.schema import RobustnessRow
from leaderboard.section import Line, share


def flat_row(row: RobustnessRow) -> list[Line]:
    """The row as lines of `rows.csv`: clean, each attack, diagnoses, worst case."""
    shared: Line = {"table": "robustness", "defense": row.defense, "detector": "none", "n": row.n}
    flags = ";".join(f"{f.id}={f.verdict.value}" for f in row.flags)
    status: Line = {"row_status": row.status, "remarks": "; ".join(row.remarks), "flags": flags}
    lines = [
        {
            **shared,
            "attack": "clean",
            "status": "done" if row.clean else "error",
            **share("robust", row.clean),
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
                **share("robust", result.robust),
                **share("robust_stored", result.stored),
                **share("kept_stored", result.kept),
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
        found = getattr(row.diagnosis, measure) if row.diagnosis else None
        if found is not None:
            lines.append({**shared, "table": "diagnosis", "attack": measure, **share("success", found)})
    if row.diagnosis and row.diagnosis.compression:
        rate = share("rate", row.diagnosis.compression)
        lines.append({**shared, "table": "diagnosis", "attack": "compression", **rate})
    place = row.ranking
    lines.append(
        {
            **shared,
            "attack": "worst case",
            "status": "done" if row.worst else "error",
            **share("robust", row.worst),
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


def _clinical(metrics: ClinicalMetrics | None) -> Line:
    names = ("sensitivity", "specificity", "balanced_accuracy", "auroc")
    parts = (share(name, getattr(metrics, name) if metrics else None) for name in names)
    return {key: value for part in parts for key, value in part.items()}
