"""The board as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.evaluation.flags.base import Verdict
from leaderboard.detection_table import detection_table
from leaderboard.ranking_table import ranking_table
from leaderboard.reference import Reference
from leaderboard.schema import Board, DetectionRow, RobustnessRow, SurvivalCurve, TransferMatrix
from leaderboard.survival_table import survival_table
from leaderboard.tables import attack_table, clinical_table, randomness_table, robustness_table
from leaderboard.text import escape, markdown_table, number
from leaderboard.transfer_table import WHITE_BOX, explanation, threat_lines, transfer_table


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
        parts += _robustness(board.robustness, board.reference)
    if any(curve.followed or curve.reason for curve in board.survival):
        parts += _survival(board.survival)
    if board.detection:
        parts += _detection(board.detection)
    if board.transfer is not None:
        parts += _transfer(board.transfer)
    return "\n\n".join(parts) + "\n"


def _robustness(rows: Sequence[RobustnessRow], reference: Reference | None) -> list[str]:
    parts = [
        "## Robustness",
        markdown_table(*robustness_table(rows, reference)),
        "Per cent. Rows rank by balanced accuracy in the worst case: the mean over classes of the share of the class "
        "that is right on clean input and after every attack. Rank 1 + the number of rows that are told apart and "
        "better, with its 95 % interval; rows that cannot be told apart share one. Worst case: an image is broken "
        "once any attack broke it at any step; sensitivity and specificity count it as wrong. AUROC, final image: of "
        "one decision on the image, clean or submitted by an attack, that leaves the true class the least "
        "probability. Passes: mean forward + backward passes per attacked image and attack. n/a: pairings without "
        "sense.",
    ]
    if reference is not None:
        parts.append(
            "The last line is what the answer to look at no image gets; a row that is not above it says so in its "
            "status."
        )
    headers, cells = ranking_table(rows)
    if cells:
        parts += [
            "### Can the ranks be told apart?",
            markdown_table(headers, cells),
            "Difference: in worst-case balanced accuracy, on the same images, in per cent points with its 95 % "
            "interval. The images needed would find this difference in four of five studies.",
        ]
    parts += [
        "### Attacks",
        markdown_table(*attack_table(rows)),
        "Per cent. Success: share of the attacked images that fell. Kept when stored: share of those that are still "
        "wrong when the submitted image is rounded to 8 bit within the allowed perturbation.",
    ]
    random = [row for row in rows if row.clean_spread]
    if random:
        parts += [
            "### Randomized defenses",
            markdown_table(*randomness_table(random)),
            "Accuracy in per cent. Any step: an image is broken once a candidate of any step was confirmed with fresh "
            "draws. Final image: mean ± standard deviation of N new decisions on what was submitted last; an image "
            "that was not attacked counts with its N decisions on the clean image, so that all lines are of the same "
            "images. Worst of N: share of images right in all of them.",
        ]
    diagnosed = [row for row in rows if row.diagnosis]
    if diagnosed:
        lines = [
            f"- **{escape(row.defense)}**: {escape('; '.join(row.diagnosis.lines))}."
            for row in diagnosed
            if row.diagnosis
        ]
        parts += ["### What these numbers must be read with", "\n".join(lines)]
    parts += [
        "### Clinical metrics",
        markdown_table(*clinical_table(rows)),
        "Per cent, at the deployed operating point. Rules as in the first table.",
    ]
    parts += ["### Threat models", "\n".join(f"- **{escape(r.defense)}**: {escape(r.threat)}" for r in rows)]
    remarks = [
        f"- **{escape(r.defense)}** ({escape(r.status)}): {escape('; '.join(r.remarks))}" for r in rows if r.remarks
    ]
    if remarks:
        parts += ["### Why rows are not ranked", "\n".join(remarks)]
    parts += [
        "### Defenses",
        "\n".join(f"- **{escape(r.defense)}**: {escape(r.description)}. {escape(r.source)}" for r in rows),
    ]
    parts += ["### Flags", _flags(rows)]
    return parts


def _detection(rows: Sequence[DetectionRow]) -> list[str]:
    headers, cells = detection_table(rows)
    sentences = dict.fromkeys(
        f"- **{escape(r.defense)} × {escape(r.attack)}**: {escape(r.threat)}" for r in rows if r.threat
    )
    failed = [
        f"- **{escape(f'{r.defense} × {r.attack} × {r.detector}')}** ({escape(r.status)}): {escape(r.reason)}"
        for r in rows
        if r.status != "done"
    ]
    parts = [
        "## Detection",
        markdown_table(headers, cells),
        "Per cent. Success: the image is misclassified, detector or not. Through: misclassified and not flagged, with "
        "the threshold set on clean images alone; intervals know that it was estimated. An AUC far below 50 is no "
        "evasion of a defender who looks at both sides: see the two-sided column. AUC fooled: misclassified images "
        "alone. Stored: adversarial images rounded to 8 bit. FPR moved: clean images moved so that no file holds "
        "them, at the threshold of 10 %.",
        "### Threat models of the detection table",
        "\n".join(sentences),
    ]
    return [*parts, "### Cells without a result or credit", "\n".join(failed)] if failed else parts


def _survival(curves: Sequence[SurvivalCurve]) -> list[str]:
    failed = [f"- **{escape(c.defense)} × {escape(c.attack)}**: {escape(c.reason)}" for c in curves if c.reason]
    return [
        "### Accuracy against attack step",
        markdown_table(*survival_table(curves)),
        "Robust accuracy in per cent after each step, counted over restarts; step 0 is the attack's starting image. "
        "Only attacks that take steps and say at which one an image fell; `survival.csv` has every attack and step.",
        *(["Curves that cannot be read:\n\n" + "\n".join(failed)] if failed else []),
    ]


def _transfer(matrix: TransferMatrix) -> list[str]:
    note = f"{WHITE_BOX} The images were crafted on the target itself (white-box). {explanation(matrix)}"
    sentences = [f"- **{escape(entries)}**: {escape(sentence)}" for entries, sentence in threat_lines(matrix)]
    failed = [
        f"- **{escape(e.source)} → {escape(e.target)}** ({escape(e.status)}): {escape(e.reason)}"
        for e in matrix.entries
        if e.status != "done"
    ]
    parts = [
        "## Transfer",
        markdown_table(*transfer_table(matrix)),
        f"Success in per cent within {escape(matrix.bound)}: share of the n images that the target gets right and that "
        f"fell. {escape(note)}",
        "### Threat models of the transfer table",
        "\n".join(sentences),
    ]
    return [*parts, "### Entries without a result", "\n".join(failed)] if failed else parts


def _flags(rows: Sequence[RobustnessRow]) -> str:
    cells = [
        [
            row.defense,
            f.id,
            f.verdict.value,
            number(f.value),
            f.threshold,
            str(f.n),
            f.note,
        ]
        for row in rows
        for f in row.flags
        if f.verdict not in (Verdict.NOT_RUN, Verdict.NOT_APPLICABLE)
    ]
    reasons = [f"- **{escape(row.defense)}**: {escape(_not_run(row))}" for row in rows if row.not_run]
    parts = [markdown_table(["Defense", "Flag", "Verdict", "Value", "Threshold", "n", "Note"], cells)]
    return "\n\n".join([*parts, *(["Not run, and no pass:\n\n" + "\n".join(reasons)] if reasons else [])])


def _not_run(row: RobustnessRow) -> str:
    """The flags without a verdict, gathered by the reason why."""
    reasons: dict[str, list[str]] = {}
    notes = {f.id: f.note for f in row.flags}
    for flag in row.not_run:
        reasons.setdefault(notes.get(flag, "the clean accuracy could not be computed"), []).append(flag)
    return "; ".join(f"{', '.join(flags)} ({reason})" for reason, flags in reasons.items())
