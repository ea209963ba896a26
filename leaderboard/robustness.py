"""Robustness rows: clean, each attack, worst case per sample, clinical metrics and flags."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd

from benchmark.evaluation.clinical import ClinicalMetrics, clinical_metrics
from benchmark.evaluation.flags.base import AttackEvidence, Verdict
from benchmark.evaluation.flags.catalogue import CHECKS, evaluate_flags
from benchmark.evaluation.intervals import clustered_wilson
from benchmark.evaluation.required import MINIMUM_STEPS
from benchmark.store import Store
from benchmark.threat import Norm
from leaderboard.diagnosis import CONTRADICTED, decision_rule, diagnoses
from leaderboard.flag_evidence import row_evidence
from leaderboard.schema import AttackResult, Estimate, RobustnessRow, Spread
from leaderboard.status import row_status


def robustness_rows(manifest: dict[str, Any], store: Store) -> tuple[RobustnessRow, ...]:
    """Ranked rows by worst-case robust accuracy, then the others in the suite's order."""
    cells = [c for c in manifest["cells"] if c["table"] == "robustness"]
    rows = [
        _row(name, facts, [c for c in cells if c["defense"] == name], manifest, store)
        for name, facts in manifest["defenses"].items()
    ]
    ranked = sorted((r for r in rows if r.status == "ranked"), key=lambda r: -(r.worst.value if r.worst else 0))
    return (*ranked, *(r for r in rows if r.status != "ranked"))


def estimate(hits: pd.Series, groups: pd.Series) -> Estimate:
    """Share of hits with its interval."""
    return Estimate(float(hits.mean()), clustered_wilson(hits.tolist(), groups.tolist()))


def perturbation(cell: dict[str, Any]) -> str:
    """The perturbation that a cell allows, e.g. "L∞ 8/255"; empty where it has no threat model."""
    return f"{Norm(cell['threat']['norm']).symbol} {cell['threat']['epsilon']}" if cell["threat"] else ""


def _row(
    name: str, facts: dict[str, Any], cells: list[dict[str, Any]], manifest: dict[str, Any], store: Store
) -> RobustnessRow:
    clean_cell = next(c for c in cells if c["attack"] == "clean")
    attack_cells = [c for c in cells if c["attack"] != "clean"]
    clean = store.samples(clean_cell["key"]) if clean_cell["status"] == "done" else None
    results = tuple(_attack(c, store) for c in attack_cells)
    done = [c for c in attack_cells if c["status"] == "done"]
    evidence = [AttackEvidence(c["attack"], c["facts"], store.samples(c["key"])) for c in done]
    failed = [r for r in results if r.status in ("error", "not run")]
    if clean_cell["status"] != "done":
        failed = [_attack(clean_cell, store), *failed]
    complete = clean is not None and not failed
    flags = tuple(evaluate_flags(row_evidence(name, clean, evidence, manifest, store))) if clean is not None else ()
    missing = list(facts["missing"])
    diagnosis = diagnoses(name, manifest["cells"], store)
    if diagnosis is not None and diagnosis.contradicted and not any(_without_gradient(e) for e in evidence):
        missing.append(CONTRADICTED)
    status, remarks = row_status(failed, missing, flags)
    classes = len(manifest["data"]["classes"])
    worst = _worst(clean, evidence) if clean is not None else None
    attacked = [r for r in results if r.forwards is not None]
    return RobustnessRow(
        defense=name,
        description=facts["repr"],
        source=facts["source"],
        status=status,
        remarks=remarks,
        n=0 if clean is None else len(clean),
        clean=None if clean is None else estimate(clean["clean_right"], clean["group"]),
        clean_spread=None if clean is None else _spread(store, clean_cell["key"]),
        attacks=results,
        worst=estimate(worst["robust"], worst["group"]) if complete and worst is not None and evidence else None,
        clinical_clean=None if clean is None else _clinical(clean, "clean_prediction", classes),
        clinical_worst=_clinical(worst, "prediction", classes) if complete and worst is not None and evidence else None,
        flags=flags,
        not_run=tuple(c.id for c in CHECKS if c.id not in {f.id for f in flags if f.verdict is not Verdict.NOT_RUN}),
        decision="" if clean is None else decision_rule(store.record(clean_cell["key"]).results),
        diagnosis=diagnosis,
        threat=_threat(done),
        forwards=mean(r.forwards for r in attacked if r.forwards is not None) if attacked else None,
        backwards=mean(r.backwards for r in attacked if r.backwards is not None) if attacked else None,
    )


def _attack(cell: dict[str, Any], store: Store) -> AttackResult:
    sentence = cell["threat"]["sentence"] if cell["threat"] else ""
    bound = perturbation(cell)
    if cell["status"] != "done":
        return AttackResult(
            attack=cell["attack"],
            status=cell["status"],
            reason=cell["reason"],
            robust=None,
            success=None,
            bound=bound,
            seconds=None,
            fresh=None,
            forwards=None,
            backwards=None,
            threat=sentence,
        )
    samples = store.samples(cell["key"])
    attacked = samples[samples["attacked"]]
    return AttackResult(
        attack=cell["attack"],
        status="done",
        reason="",
        robust=estimate(samples["robust"], samples["group"]),
        success=estimate(~attacked["robust"].astype(bool), attacked["group"]) if len(attacked) else None,
        bound=bound,
        seconds=store.record(cell["key"]).seconds,
        fresh=_spread(store, cell["key"]),
        forwards=float(attacked["forwards"].mean()) if len(attacked) else 0.0,
        backwards=float(attacked["backwards"].mean()) if len(attacked) else 0.0,
        threat=sentence,
    )


def _spread(store: Store, key: str) -> Spread | None:
    accuracy = store.record(key).results["accuracy"]
    if len(accuracy) < 2:
        return None
    always = store.samples(key)["fresh_right"].to_numpy() == 1
    return Spread(mean(accuracy), stdev(accuracy), len(accuracy), float(always.mean()))


def _without_gradient(attack: AttackEvidence) -> bool:
    """Whether it follows values where others follow a gradient."""
    return attack.facts["gradient"] == "zeroth-order" and (attack.facts["steps"] or 0) >= MINIMUM_STEPS


def _worst(clean: pd.DataFrame, attacks: list[AttackEvidence]) -> pd.DataFrame:
    """Every image in its worst state: the submission that leaves the true class the least probability.

    Of an image that an attack broke, only submissions that broke it are compared.
    """
    labels = clean["label"].to_numpy()
    rows = np.arange(len(clean))
    scores, prediction = np.stack(clean["scores"].tolist()), clean["clean_prediction"].to_numpy().copy()
    robust = clean["clean_right"].to_numpy(dtype=bool).copy()
    for attack in attacks:
        answer = attack.samples["adversarial_prediction"].to_numpy()
        standing = attack.samples["robust"].to_numpy(dtype=bool)
        probability = np.stack(attack.samples["scores"].tolist())
        lower = probability[rows, labels] < scores[rows, labels]
        worse = np.where(robust == standing, lower, robust & ~standing)
        scores[worse], prediction[worse] = probability[worse], answer[worse]
        robust &= standing
    # A randomized model's verified break counts as wrong even where the recorded draw was lucky.
    lucky = ~robust & (prediction == labels)
    runner_up = np.where(np.eye(scores.shape[1], dtype=bool)[labels], -np.inf, scores).argmax(1)
    prediction[lucky] = runner_up[lucky]
    return clean[["label", "group"]].assign(prediction=prediction, scores=list(scores), robust=robust)


def _clinical(frame: pd.DataFrame, prediction: str, classes: int) -> ClinicalMetrics:
    scores = np.stack(frame["scores"].tolist())
    return clinical_metrics(
        frame["label"].to_numpy(),
        frame[prediction].to_numpy(),
        scores[:, 1] if classes == 2 else scores,
        classes=classes,
    )


def _threat(done: list[dict[str, Any]]) -> str:
    """The sentence of the row: that of its attacks where they agree, with all budgets and all allowed perturbations."""
    informed = [c for c in done if c["threat"]["knows_defense"]] or done
    if not informed:
        return "No attack was run."
    first = next((c for c in informed if c["threat"]["access"] == "gradient"), informed[0])["threat"]
    budgets = "; ".join(f"{c['attack']}: {c['threat']['budget']}" for c in done)
    allowed = list(dict.fromkeys(c["threat"]["allowed"] for c in done))
    bounds = (
        allowed[0] if len(allowed) == 1 else f"the worst of {len(allowed)} perturbation sets ({'; '.join(allowed)})"
    )
    sentence = str(first["sentence"]).replace(first["allowed"], bounds)
    return sentence.replace(f"budget: {first['budget']}.", f"budget: {budgets}.")
