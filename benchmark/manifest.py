"""What a run was: suite, data, versions, and the state of every cell."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmark import __version__
from benchmark.core.devices import device_name
from benchmark.core.images import ImageData
from benchmark.core.threat import ThreatModel
from benchmark.engines.local import Tally
from benchmark.evaluation.required import goal_of, missing_attacks
from benchmark.evaluation.spent import effort_facts
from benchmark.planning.plan import Cell, Plan
from benchmark.records.store import Store
from benchmark.steps.attack import AttackStep
from benchmark.steps.base import Step
from benchmark.steps.clean import CleanStep
from benchmark.steps.detect import DetectStep
from benchmark.suites.suite import Suite

_PACKAGES = ("torch", "torchvision", "torchattacks", "foolbox", "medmnist", "scikit-learn", "numpy", "scipy")


def build_manifest(
    *,
    suite: Suite,
    plan: Plan,
    data: ImageData,
    store: Store,
    tally: Tally | None,
    status: str,
    device: torch.device,
    seed: int,
) -> dict[str, Any]:
    """Everything the leaderboard needs besides the steps themselves.

    Args:
        suite, plan, data, store: The run.
        tally: What became of the steps; None before they ran.
        status: "running", "done", "failed" or "interrupted".
        device, seed: Where and from what it ran.
    """
    steps = plan.steps
    return {
        "medrobust": __version__,
        "status": status,
        "suite": suite.model_dump(mode="json"),
        "seed": seed,
        "data": {
            "name": data.name,
            "title": data.title,
            "classes": list(data.classes),
            "fingerprint": data.fingerprint(),
            "counts": {
                "train": len(data.train),
                "validation": len(data.validation),
                "evaluation": len(data.evaluation),
            },
            "grouped": data.evaluation.groups is not None,
            "notes": list(data.notes),
            "phantom": data.phantom,
        },
        "defenses": {c.defense: _defense(c, plan, suite, data) for c in plan.cells if c.attack == "clean"},
        "cells": [_cell(cell, store, tally) for cell in plan.cells],
        "steps": [_step(step, store) for step in steps],
        "environment": _environment(device),
    }


def _cell(cell: Cell, store: Store, tally: Tally | None) -> dict[str, Any]:
    failed = tally.failed if tally else {}
    state, reason = "not applicable", cell.reason
    if cell.step is not None:
        if store.has(cell.step.key):
            state = "done"
        elif cell.step.key in failed:
            state, reason = "error", failed[cell.step.key]
        else:
            state = "not run"
    threat = None
    if cell.threat is not None:
        model = _at_operating_point(cell, store)
        threat = {
            **asdict(model),
            "epsilon": model.epsilon.text,
            "allowed": model.allowed,
            "sentence": model.sentence(),
        }
    return {
        "table": cell.table,
        "defense": cell.defense,
        "attack": cell.attack,
        "detector": cell.detector,
        "key": cell.step.key if cell.step else None,
        "status": state,
        "reason": reason,
        "threat": threat,
        "facts": _facts(cell),
    }


def _facts(cell: Cell) -> dict[str, Any] | None:
    """How the cell's attack is put together, for flags and tables."""
    step = cell.step.attack if isinstance(cell.step, DetectStep) else cell.step
    if not isinstance(step, AttackStep):
        return None
    return {
        "method": step.attack.name,
        "access": step.attack.access.value,
        "norm": step.norm.value,
        "epsilon": step.epsilon.text,
        "allowed": step.attack.bound(step.norm, step.epsilon),
        # An objective without a name is the attack's own.
        "objective": step.maximised.name or step.attack.name,
        "gradient": step.gradient.name,
        "sees_defense": step.gradient.sees_defense,
        "follows_values": step.gradient.follows_values,
        "queries_too": any(part.access is not step.attack.access for part in step.attack.parts()),
        "goal": goal_of(step),
        "eot_samples": step.eot_samples,
        "steps": step.attack.duration().steps,
        "queries": step.attack.duration().queries,
        "effort": effort_facts(step, step.clean.fit.defense),
        "trained_on": cell.step.trained_on.name if isinstance(cell.step, DetectStep) else None,
    }


def _at_operating_point(cell: Cell, store: Store) -> ThreatModel:
    assert cell.threat is not None
    step = cell.step.attack if isinstance(cell.step, DetectStep) else cell.step
    if isinstance(step, AttackStep) and store.has(step.clean.fit.key):
        threshold = store.record(step.clean.fit.key).results["operating_threshold"]
        return replace(cell.threat, operating_threshold=threshold)
    return cell.threat


def _defense(clean: Cell, plan: Plan, suite: Suite, data: ImageData) -> dict[str, Any]:
    step = clean.step
    assert isinstance(step, CleanStep)
    defense = step.fit.defense
    attacks = [
        c.step
        for c in plan.cells
        if c.defense == clean.defense and c.table == "robustness" and isinstance(c.step, AttackStep)
    ]
    return {
        "method": defense.name,
        "repr": repr(defense),
        "source": defense.source,
        "summary": defense.summary(),
        "traits": {
            trait: getattr(defense, trait)
            for trait in (
                "randomized",
                "differentiable",
                "purifier",
                "gradient_at_inference",
                "exact_gradient",
                "retrains",
                "query_only",
            )
        },
        "claimed_accuracy": suite.defense[clean.defense].claimed_accuracy,
        "missing": [*missing_attacks(defense, attacks), *_left_out(step, data)],
    }


def _left_out(clean: CleanStep, data: ImageData) -> list[str]:
    """Without the images of a class, an answer that looks at none of them could win."""
    if clean.left_out is None:
        return []
    return [f"images of class {data.classes[clean.left_out]!r}, at which its attacks aim"]


def _step(step: Step, store: Store) -> dict[str, Any]:
    record = store.record(step.key) if store.has(step.key) else None
    return {
        "kind": step.kind,
        "label": step.label,
        "key": step.key,
        "seconds": record.seconds if record else None,
        "device": record.device if record else None,
        "finished": record.finished if record else None,
    }


def _environment(device: torch.device) -> dict[str, Any]:
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "absent"
    commit, dirty = _git()
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "packages": packages,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "commit": commit,
        "dirty": dirty,
    }


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
