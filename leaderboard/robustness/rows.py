"""Robustness rows: clean, each attack, worst case per sample, clinical metrics, flags and ranks."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

import numpy as np
import pandas as pd

from benchmark.evaluation.clinical import balanced_accuracy
from benchmark.evaluation.flags.base import AttackEvidence, Verdict
from benchmark.evaluation.flags.catalogue import CHECKS, evaluate_flags
from benchmark.evaluation.intervals import share_of
from benchmark.evaluation.spent import unspent
from benchmark.records.defense_record import DefenseRecord
from benchmark.records.run_record import CellRecord, RunRecord
from leaderboard.diagnosis.rows import CONTRADICTED, decision_rule, diagnoses
from leaderboard.ranking.ranks import rank_rows
from leaderboard.reading import alone, attack_samples, clean_samples, evaluation_images
from leaderboard.results import Results
from leaderboard.robustness.attack_results import attack_result, row_threat, spread, without_result
from leaderboard.robustness.flag_evidence import row_evidence
from leaderboard.robustness.schema import AttackResult, RobustnessRow
from leaderboard.robustness.status import row_status
from leaderboard.robustness.worst_case import clinical, worst_case


def robustness_rows(results: Results) -> tuple[RobustnessRow, ...]:
    """Ranked rows by worst-case balanced accuracy, then the others in the suite's order.

    A row whose records cannot be read is an "error" and says why; it takes no other with it.
    """
    run, images = results.run, results.once(evaluation_images)
    read = []
    for name, facts in run.defenses.items():
        own = [c for c in run.of("robustness") if c.defense == name]
        read.append(
            alone(
                lambda n=name, f=facts, o=own: _row(n, f, o, images, results),  # type: ignore[misc]
                lambda reason, n=name, f=facts, o=own: (_failed(n, f, o, run, reason), None),  # type: ignore[misc]
            )
        )
    ranked = [(row, worst) for row, worst in read if row.status == "ranked" and worst is not None]
    return (*_ranked(ranked, run), *(row for row, _ in read if row.status != "ranked"))


def _ranked(rows: list[tuple[RobustnessRow, pd.DataFrame]], run: RunRecord) -> list[RobustnessRow]:
    """The rows in the order of their balanced accuracy, the robust accuracy where that is equal, with their ranks."""
    if not rows:
        return []

    def order(entry: tuple[RobustnessRow, pd.DataFrame]) -> tuple[float, float]:
        balanced, worst = entry[0].balanced, entry[0].worst
        return -(balanced.value if balanced else 0), -(worst.value if worst else 0)

    rows = sorted(rows, key=order)
    first = rows[0][1]
    places = rank_rows(
        [row.defense for row, _ in rows],
        np.stack([worst["robust"].to_numpy(dtype=bool) for _, worst in rows]),
        first["label"].tolist(),
        first["group"].tolist(),
        classes=len(run.data.classes),
        seed=run.seed,
    )
    return [replace(row, ranking=place) for (row, _), place in zip(rows, places, strict=True)]


def _row(
    name: str,
    facts: DefenseRecord,
    cells: list[CellRecord],
    images: pd.DataFrame | None,
    results: Results,
) -> tuple[RobustnessRow, pd.DataFrame | None]:
    """(row, its images in their worst state), the latter None where an attack failed."""
    run, store = results.run, results.store
    clean_cell = next(c for c in cells if c.attack == "clean")
    if clean_cell.status != "done":
        reason = clean_cell.reason or clean_cell.status
        return _failed(name, facts, cells, run, f"clean: {reason}"), None
    clean = clean_samples(results, clean_cell.done_key, images)
    attacks, evidence, done = [], [], []
    for cell in cells:
        if cell.attack == "clean":
            continue
        result, found = _attack(cell, clean, results)
        attacks.append(result)
        if found is not None:
            done.append(cell)
            evidence.append(found)
    failed = [r for r in attacks if r.status in ("error", "not run")]
    known = row_evidence(name, clean, evidence, results)
    flags = tuple(evaluate_flags(known))
    missing = [*facts.missing, *unspent(evidence)]
    diagnosis, unread = alone(
        lambda: (diagnoses(name, run.cells, store), ""), lambda reason: (None, f"a diagnosis: {reason}")
    )
    missing += [unread] if unread else []
    if diagnosis is not None and diagnosis.contradicted and not known.by_values():
        missing.append(CONTRADICTED)
    status, remarks = row_status(failed, missing, flags)
    classes, seed, groups = len(run.data.classes), run.seed, clean["group"].tolist()
    worst = worst_case(clean, [e.samples for e in evidence]) if evidence and not failed else None
    balanced = None
    if worst is not None:
        balanced = balanced_accuracy(worst["robust"], worst["label"], groups, classes=classes)
    if status == "ranked" and balanced is None:
        status, remarks = "undecided", (*remarks, "more images needed: a class has none")
    remarks = (*remarks, *run.data.leaks, *([run.classifier.doubt] if run.classifier.doubt else []))
    attacked = [r for r in attacks if r.forwards is not None]
    record = store.record(clean_cell.done_key).results
    row = RobustnessRow(
        defense=name,
        description=facts.repr,
        source=facts.source,
        status=status,
        remarks=remarks,
        n=len(clean),
        clean=share_of(clean["clean_right"], groups),
        clean_spread=spread(clean, len(record["accuracy"])),
        attacks=tuple(attacks),
        worst=None if worst is None else share_of(worst["robust"], groups),
        balanced=balanced,
        classes=classes,
        ranking=None,
        clinical_clean=clinical(clean, "clean_prediction", classes, seed),
        clinical_worst=None if worst is None else clinical(worst, "prediction", classes, seed),
        flags=flags,
        not_run=tuple(c.id for c in CHECKS if c.id not in {f.id for f in flags if f.verdict is not Verdict.NOT_RUN}),
        decision=decision_rule(record),
        diagnosis=diagnosis,
        threat=row_threat(done),
        forwards=mean(r.forwards for r in attacked if r.forwards is not None) if attacked else None,
        backwards=mean(r.backwards for r in attacked if r.backwards is not None) if attacked else None,
    )
    return row, worst


def _attack(cell: CellRecord, clean: pd.DataFrame, results: Results) -> tuple[AttackResult, AttackEvidence | None]:
    """(result, evidence), the latter None where the cell is not done or its records cannot be read."""
    if cell.status != "done":
        return without_result(cell, cell.status, cell.reason), None

    def read() -> tuple[AttackResult, AttackEvidence | None]:
        samples = attack_samples(results, cell.done_key, clean)
        replayed = results.store.record(cell.done_key).results["replayed"]
        evidence = AttackEvidence(cell.attack, cell.attack_facts, samples, replayed)
        return attack_result(cell, samples, results.store), evidence

    return alone(read, lambda reason: (without_result(cell, "error", reason), None))


def _failed(name: str, facts: DefenseRecord, cells: list[CellRecord], run: RunRecord, reason: str) -> RobustnessRow:
    """A row of which nothing can be said but why."""
    attacks = [c for c in cells if c.attack != "clean"]
    return RobustnessRow(
        defense=name,
        description=facts.repr,
        source=facts.source,
        status="error",
        remarks=(reason,),
        n=0,
        clean=None,
        clean_spread=None,
        attacks=tuple(without_result(c, "error" if c.status == "done" else c.status, reason) for c in attacks),
        worst=None,
        balanced=None,
        classes=len(run.data.classes),
        ranking=None,
        clinical_clean=None,
        clinical_worst=None,
        flags=(),
        not_run=tuple(check.id for check in CHECKS),
        decision="",
        diagnosis=None,
        threat="Its records cannot be read.",
        forwards=None,
        backwards=None,
    )
