"""What a run was: suite, data, versions, and the state of every cell."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import torch

from benchmark import __version__
from benchmark.core.defended import DecisionRule
from benchmark.core.devices import device_name
from benchmark.core.images import ImageData
from benchmark.core.threat import ThreatModel
from benchmark.datasets.reading.duplicates import leaked_images
from benchmark.evaluation.required import missing_attacks, required
from benchmark.models.module import Module
from benchmark.planning.plan import Cell, Plan
from benchmark.records.classifier_record import ClassifierRecord, OnValidation
from benchmark.records.defense_record import DefenseRecord, DefenseTraits
from benchmark.records.run_record import CellRecord, DataRecord, Environment, ImageCounts, RunRecord, StepSummary
from benchmark.records.store import Store
from benchmark.records.subgroups import subgroups_record
from benchmark.steps.attack import AttackStep
from benchmark.steps.attack_facts import attack_facts
from benchmark.steps.base import Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.detect import DetectStep
from benchmark.steps.fit import FitStep
from benchmark.steps.retrained import RetrainedStep
from benchmark.steps.train import TrainStep
from benchmark.suites.suite import Suite

_PACKAGES = (
    "torch",
    "torchvision",
    "torchattacks",
    "foolbox",
    "medmnist",
    "scikit-image",
    "scikit-learn",
    "numpy",
    "scipy",
)


def build_manifest(
    *,
    suite: Suite,
    plan: Plan,
    data: ImageData,
    store: Store,
    failures: Mapping[str, str],
    status: Literal["running", "done", "failed", "interrupted"],
    device: torch.device,
    seed: int,
) -> RunRecord:
    """Everything the leaderboard needs besides the steps themselves.

    Args:
        suite, plan, data, store: The run.
        failures: Why steps failed, by key.
        status: How far it is.
        device, seed: Where and from what it ran.
    """
    cells = [_cell(cell, store, failures) for cell in plan.cells]
    return RunRecord(
        medrobust=__version__,
        status=status,
        suite=suite,
        seed=seed,
        data=DataRecord(
            name=data.name,
            title=str(data.title),
            classes=tuple(map(str, data.classes)),
            fingerprint=data.fingerprint(),
            counts=ImageCounts(train=len(data.train), validation=len(data.validation), evaluation=len(data.evaluation)),
            grouped=data.evaluation.groups is not None,
            notes=tuple(map(str, data.notes)),
            phantom=bool(data.phantom),
            leaks=tuple(map(str, data.leaks)),
            leaked=leaked_images(data.evaluation, data.train, data.validation),
            subgroups=subgroups_record(data),
        ),
        classifier=_classifier(plan.train, store),
        defenses={c.defense: _defense(c, cells, suite, data, store) for c in plan.cells if _begins_row(c)},
        cells=tuple(cells),
        steps=tuple(_step(step, store) for step in plan.steps),
        environment=_environment(device),
    )


def _begins_row(cell: Cell) -> bool:
    return (cell.table, cell.attack) == ("robustness", "clean")


def _classifier(train: TrainStep | None, store: Store) -> ClassifierRecord:
    assert train is not None
    classifier = train.classifier
    theirs = classifier if isinstance(classifier, Module) else None
    known: dict[str, Any] = {}
    if store.has(train.key):
        results = store.record(train.key).results
        known = {key: results[key] for key in ("weights", "parameters", "doubt", "epochs", "kept_epoch")}
        seen = results["validation"]
        known["validation"] = None if seen is None else OnValidation(**seen)
    return ClassifierRecord(
        name=classifier.name,
        factory=theirs.factory if theirs else None,
        weights_file=Path(theirs.weights).name if theirs and theirs.weights else None,
        weights_file_sha256=theirs.weights_digest() if theirs else None,
        trained=classifier.trains,
        threshold_given=classifier.decision_threshold() is not None,
        **known,
    )


def _cell(cell: Cell, store: Store, failures: Mapping[str, str]) -> CellRecord:
    status: Literal["done", "error", "not run", "not applicable"] = "not applicable"
    key, reason = None, cell.reason
    if cell.step is not None:
        key = cell.step.key
        status = "done" if store.has(key) else "error" if key in failures else "not run"
        reason = failures[key] if status == "error" else reason
    watched = cell.step if isinstance(cell.step, DetectStep) else None
    attack = watched.attack if watched else cell.step
    attack = attack if isinstance(attack, AttackStep) else None
    return CellRecord(
        table=cell.table,
        defense=cell.defense,
        attack=cell.attack,
        detector=cell.detector,
        key=key,
        status=status,
        reason=reason,
        threat=None if cell.threat is None else _at_operating_point(cell.threat, attack, store),
        facts=None if attack is None else attack_facts(attack, attack.clean.fit.defense),
        trained_on=watched.trained_on.name if watched else None,
        sweep=cell.sweep,
    )


def _at_operating_point(threat: ThreatModel, attack: AttackStep | None, store: Store) -> ThreatModel:
    if attack is None or not store.has(attack.clean.fit.key):
        return threat
    threshold = store.record(attack.clean.fit.key).results["operating_threshold"]
    return replace(threat, operating_threshold=threshold)


def _defense(clean: Cell, cells: list[CellRecord], suite: Suite, data: ImageData, store: Store) -> DefenseRecord:
    assert isinstance(clean.step, CleanStep)
    defense = clean.step.fit.defense
    attacks = [c.facts for c in cells if (c.defense, c.table) == (clean.defense, "robustness") and c.facts is not None]
    return DefenseRecord(
        method=defense.name,
        repr=f"{defense!r}{_behind(clean.step.fit)}",
        source=str(defense.source),
        summary=defense.summary(),
        traits=DefenseTraits.of(defense),
        claimed_accuracy=suite.defense[clean.defense].claimed_accuracy,
        missing=(
            *missing_attacks(required(defense, votes=_votes(clean.step, store)), attacks),
            *_left_out(clean.step, data),
        ),
    )


def _behind(fit: FitStep) -> str:
    """What the defense stands in front of, where it is not the suite's classifier."""
    train = fit.train
    return f" in front of the classifier of {train.by.defense!r}" if isinstance(train, RetrainedStep) else ""


def _votes(clean: CleanStep, store: Store) -> bool:
    """Whether the model was seen to decide by majority vote, whatever its defense says; not before it has answered."""
    if not store.has(clean.key):
        return False
    return bool(store.record(clean.key).results["decision_rule"] == DecisionRule.MAJORITY_VOTE.value)


def _left_out(clean: CleanStep, data: ImageData) -> list[str]:
    """Without the images of a class, an answer that looks at none of them could win."""
    if clean.left_out is None:
        return []
    return [f"images of class {data.classes[clean.left_out]!r}, at which its attacks aim"]


def _step(step: Step, store: Store) -> StepSummary:
    record = store.record(step.key) if store.has(step.key) else None
    return StepSummary(
        kind=step.kind,
        label=step.label,
        key=step.key,
        seconds=record.seconds if record else None,
        device=record.device if record else None,
        finished=record.finished if record else None,
    )


def _environment(device: torch.device) -> Environment:
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "absent"
    commit, dirty = _git()
    return Environment(
        python=platform.python_version(),
        system=platform.system(),
        packages=packages,
        device=device_name(device),
        threads=torch.get_num_threads(),
        commit=commit,
        dirty=dirty,
    )


def _git() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout that the code runs from; None where it is not one."""
    here = Path(__file__).resolve().parent

    git = shutil.which("git")

    def ask(*arguments: str) -> str | None:
        if git is None:
            return None
        command = [git, "-C", str(here), *arguments]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return None
        return answer.stdout.strip()

    commit = ask("rev-parse", "HEAD")
    status = ask("status", "--porcelain", "--untracked-files=no") if commit else None
    return commit, None if status is None else bool(status)
