"""The detection table as lines of a flat one."""

from __future__ import annotations

from leaderboard.detection.schema import DetectionRow
from leaderboard.section import Line, share


def flat_row(row: DetectionRow) -> Line:
    """The row as a line of `rows.csv`."""
    line: Line = {
        "table": "detection",
        "defense": row.defense,
        "attack": row.attack,
        "detector": row.detector,
        "trained_on": row.trained_on,
        "status": row.status,
        "reason": row.reason,
        "n": row.n,
        "threat": row.threat,
        **share("success", row.success),
    }
    metrics = row.metrics
    if metrics is not None:
        line |= share("auc", metrics.auc)
        line |= share("auc_two_sided", metrics.auc_two_sided)
        line |= share("auc_fooled", metrics.auc_fooled)
        for name, point in (("10", metrics.at_10), ("5", metrics.at_5)):
            line[f"threshold_at_{name}"] = point.threshold
            line |= share(f"fpr_clean_at_{name}", point.clean)
            line |= share(f"fpr_noisy_at_{name}", point.noisy)
            line |= share(f"fpr_moved_at_{name}", point.moved)
            line |= share(f"tpr_at_{name}", point.adversarial)
            line |= share(f"tpr_stored_at_{name}", point.stored)
            line |= share(f"joint_success_at_{name}", point.joint_success)
    return line
