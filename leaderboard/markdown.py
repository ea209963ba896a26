"""The board as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from benchmark.evaluation.flags.base import Verdict
from leaderboard.schema import Board, DetectionRow, RobustnessRow
from leaderboard.text import escape, interval, passes, percent, spread, with_interval


def to_markdown(board: Board) -> str:
    """The whole board; a function of the run's results alone, so the same run gives the same bytes."""
    parts = [f"# {escape(board.title)}"]
    if board.phantom:
        parts.append(
            "> **Phantom images.** Everything below is measured on drawn images and says nothing about patients."
        )
    parts.append("\n".join(f"- {escape(line)}" for line in board.protocol))
    if board.notes:
        parts.append("Notes on the data:\n\n" + "\n".join(f"- {escape(note)}" for note in board.notes))
    if board.robustness:
        parts += _robustness(board.robustness)
    if board.detection:
        parts += _detection(board.detection)
    return "\n\n".join(parts) + "\n"


def robustness_table(rows: Sequence[RobustnessRow], *, brief: bool = False) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the robustness table; percentages. `brief` leaves out the intervals of single attacks."""
    attacks = [a.attack for a in rows[0].attacks]
    headers = [
        "Rank",
        "Defense",
        "Clean",
        *attacks,
        "Worst case",
        "Sens.",
        "Spec.",
        "AUROC",
        "Passes",
        "Flags",
        "Status",
    ]
    cells, rank = [], 0
    for row in rows:
        rank += row.status == "ranked"
        clinical = row.clinical_worst
        cells.append(
            [
                str(rank) if row.status == "ranked" else "–",
                row.defense,
                with_interval(row.clean),
                *(_attack_cell(row, label, brief=brief) for label in attacks),
                with_interval(row.worst),
                percent(clinical.sensitivity if clinical else None),
                percent(clinical.specificity if clinical else None),
                percent(clinical.auroc if clinical else None),
                passes(row.forwards, row.backwards),
                flag_summary(row),
                row.status,
            ]
        )
    return headers, cells


def detection_table(rows: Sequence[DetectionRow]) -> tuple[list[str], list[list[str]]]:
    """(headers, cells) of the detection table; each oblivious attack beside its adaptive variants. Percentages."""
    headers = [
        "Defense",
        "Detector",
        "Attack",
        "Trained on",
        "n",
        "Success",
        "AUC",
        "AUC two-sided",
        "TPR@90",
        "Through at 10 % FPR",
        "Through at 5 % FPR",
    ]
    ordered = sorted(rows, key=lambda r: (_order(rows, r.detector), _order_attack(rows, r.trained_on)))
    cells = []
    for row in ordered:
        metrics = row.metrics
        if metrics is None:
            cells.append([row.defense, row.detector, row.attack, row.trained_on, "–", row.status, *["–"] * 5])
            continue
        cells.append(
            [
                row.defense,
                row.detector,
                row.attack,
                row.trained_on,
                str(row.n),
                percent(row.success.value if row.success else None),
                f"{percent(metrics.auc)} {interval(metrics.auc_interval)}",
                percent(metrics.auc_two_sided),
                percent(metrics.at_10.adversarial),
                percent(metrics.at_10.joint_success),
                f"{percent(metrics.at_5.joint_success)} {interval(metrics.at_5.joint_success_interval)}",
            ]
        )
    return headers, cells


def flag_summary(row: RobustnessRow) -> str:
    """The raised flags by verdict, and how many were not run."""
    parts = []
    for verdict in (Verdict.FAIL, Verdict.WARN):
        names = [f.id for f in row.flags if f.verdict is verdict]
        if names:
            parts.append(f"{verdict.value}: {', '.join(names)}")
    if row.not_run:
        parts.append(f"{len(row.not_run)} not run")
    return "; ".join(parts) or "none raised"


def _robustness(rows: Sequence[RobustnessRow]) -> list[str]:
    headers, cells = robustness_table(rows)
    parts = [
        "## Robustness",
        _table(headers, cells),
        "Per cent. Sensitivity, specificity and AUROC are under the worst case, at the deployed operating point; "
        "passes are mean forward + backward passes per attacked image and attack; n/a marks pairings without sense.",
    ]
    random = [row for row in rows if row.clean_spread]
    if random:
        attacks = [a.attack for a in rows[0].attacks]
        table = [
            [row.defense, spread(row.clean_spread), *(spread(a.fresh) or "–" for a in row.attacks)] for row in random
        ]
        draws = random[0].clean_spread.draws if random[0].clean_spread else 0
        parts += [
            "### Randomized defenses: accuracy over fresh draws",
            _table(["Defense", "Clean", *attacks], table),
            f"Mean ± standard deviation over {draws} fresh decisions on the submitted images. The table above counts "
            "an image as broken once a candidate was confirmed with fresh draws at any step.",
        ]
    parts += ["### Clinical metrics", _table(*_clinical_table(rows))]
    parts += ["### Threat models", "\n".join(f"- **{escape(r.defense)}**: {escape(r.threat)}" for r in rows)]
    remarks = [f"- **{escape(r.defense)}** ({r.status}): {escape('; '.join(r.remarks))}" for r in rows if r.remarks]
    if remarks:
        parts += ["### Why rows are not ranked", "\n".join(remarks)]
    parts += [
        "### Defenses",
        "\n".join(f"- **{escape(r.defense)}**: {escape(r.description)}. {escape(r.source)}" for r in rows),
    ]
    parts += ["### Flags", _flags(rows)]
    return parts


def _clinical_table(rows: Sequence[RobustnessRow]) -> tuple[list[str], list[list[str]]]:
    names = ("Sensitivity", "Specificity", "Balanced accuracy", "AUROC")
    headers = ["Defense", *(f"{name}, {state}" for name in names for state in ("clean", "worst case"))]
    cells = []
    for row in rows:
        values = []
        for field in ("sensitivity", "specificity", "balanced_accuracy", "auroc"):
            values += [percent(getattr(m, field) if m else None) for m in (row.clinical_clean, row.clinical_worst)]
        cells.append([row.defense, *values])
    return headers, cells


def _detection(rows: Sequence[DetectionRow]) -> list[str]:
    headers, cells = detection_table(rows)
    sentences = dict.fromkeys(
        f"- **{escape(r.defense)} × {escape(r.attack)}**: {escape(r.threat)}" for r in rows if r.threat
    )
    failed = [
        f"- **{escape(r.defense)} × {escape(r.attack)} × {escape(r.detector)}** ({r.status}): {escape(r.reason)}"
        for r in rows
        if r.status != "done"
    ]
    parts = [
        "## Detection",
        _table(headers, cells),
        "Per cent. Success: the image is misclassified, detector or not. Through: misclassified and not flagged, with "
        "the threshold set on clean images alone. An AUC far below 50 is no evasion of a defender who looks at both "
        "sides: see the two-sided column.",
        "### Threat models of the detection table",
        "\n".join(sentences),
    ]
    return [*parts, "### Cells without a result", "\n".join(failed)] if failed else parts


def _flags(rows: Sequence[RobustnessRow]) -> str:
    cells = [
        [
            row.defense,
            f.id,
            f.verdict.value,
            "–" if f.value is None else f"{f.value:.4g}",
            f.threshold,
            str(f.n),
            f.note,
        ]
        for row in rows
        for f in row.flags
        if f.verdict is not Verdict.NOT_RUN
    ]
    reasons = [f"- **{escape(row.defense)}**: {escape(_not_run(row))}" for row in rows if row.not_run]
    parts = [_table(["Defense", "Flag", "Verdict", "Value", "Threshold", "n", "Note"], cells)]
    return "\n\n".join([*parts, *(["Not run, and no pass:\n\n" + "\n".join(reasons)] if reasons else [])])


def _not_run(row: RobustnessRow) -> str:
    """The flags without a verdict, gathered by the reason why."""
    reasons: dict[str, list[str]] = {}
    notes = {f.id: f.note for f in row.flags}
    for flag in row.not_run:
        reasons.setdefault(notes.get(flag, "the clean accuracy could not be computed"), []).append(flag)
    return "; ".join(f"{', '.join(flags)} ({reason})" for reason, flags in reasons.items())


def _attack_cell(row: RobustnessRow, label: str, *, brief: bool) -> str:
    result = next((a for a in row.attacks if a.attack == label), None)
    if result is None or result.status == "not applicable":
        return "n/a"
    if result.status != "done" or result.robust is None:
        return result.status
    return percent(result.robust.value) if brief else with_interval(result.robust)


def _order(rows: Sequence[DetectionRow], detector: str) -> int:
    return next(i for i, r in enumerate(rows) if r.detector == detector)


def _order_attack(rows: Sequence[DetectionRow], attack: str) -> int:
    return next((i for i, r in enumerate(rows) if r.attack == attack), len(rows))


def _table(headers: list[str], cells: list[list[str]]) -> str:
    safe = [[escape(c) for c in row] for row in cells]
    return str(tabulate(safe, [escape(h) for h in headers], tablefmt="pipe", disable_numparse=True))
