"""Runs made by hand: a manifest and records, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmark.core.keys import key_of
from benchmark.records.classifier_record import ClassifierRecord
from benchmark.records.defense_record import DefenseRecord, DefenseTraits
from benchmark.records.run_record import CellRecord, DataRecord, Environment, ImageCounts, RunRecord
from benchmark.records.step_folder import StepRecord
from benchmark.records.store import Store
from benchmark.suites.suite import Suite
from tests.records.made_by_hand import FACTS, THREAT


def clean_frame(labels: Sequence[int], right: Sequence[bool], scores: np.ndarray | None = None) -> pd.DataFrame:
    """Clean records of two classes; scores follow the decisions unless given."""
    truth, hits = np.asarray(labels), np.asarray(right, dtype=bool)
    answer = np.where(hits, truth, 1 - truth)
    return pd.DataFrame(
        {
            "row": range(len(truth)),
            "sample_id": [f"image {i}" for i in range(len(truth))],
            "group": [f"image {i}" for i in range(len(truth))],
            "label": truth,
            "clean_prediction": answer,
            "clean_right": hits,
            "scores": list(np.eye(2)[answer] * 0.8 + 0.1 if scores is None else scores),
            "fresh_right": hits.astype(float),
            "forwards": 1,
            "backwards": 0,
        }
    )


def attack_frame(clean: pd.DataFrame, robust: Sequence[bool], **columns: Any) -> pd.DataFrame:
    """Records of an attack after which those images are right."""
    standing = np.asarray(robust, dtype=bool) & clean["clean_right"].to_numpy()
    answer = np.where(standing, clean["label"], 1 - clean["label"])
    frame = clean.assign(
        attacked=clean["clean_right"],
        adversarial_prediction=answer,
        robust=standing,
        verified=False,
        linf=0.03,
        l2=0.5,
        psnr=35.0,
        ssim=0.9,
        forwards=10,
        backwards=10,
        broken_at=np.where(clean["clean_right"] & ~standing, 3, -1),
        scores=list(np.eye(2)[answer] * 0.8 + 0.1),
        fresh_right=standing.astype(float),
        stored_prediction=answer,
        stored_right=standing,
    )
    return frame.assign(**columns)


def detection_frame(rows: int = 40, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Records of a detector that sees most of an attack."""
    rng = np.random.default_rng(seed)
    names = [f"image {i}" for i in range(rows)]
    return pd.DataFrame(
        {
            "sample_id": names,
            "group": names,
            "label": 0,
            "robust": False,
            "split": np.where(np.arange(rows) % 2, "test", "calibration"),
            "detector_score": rng.normal(size=rows) + 2,
            "detector_score_clean": rng.normal(size=rows),
            "detector_score_noisy": rng.normal(size=rows),
            "detector_score_stored": rng.normal(size=rows) + 2,
            "detector_score_moved": rng.normal(size=rows),
        }
    ).assign(**columns)


class HandMadeRun:
    """A run folder filled by hand."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.cells: list[dict[str, Any]] = []
        self.defenses: dict[str, DefenseRecord] = {}

    def row(
        self,
        name: str,
        clean: pd.DataFrame,
        attacks: Mapping[str, pd.DataFrame],
        *,
        fit: str | None = None,
        **traits: bool,
    ) -> None:
        """Add a defense with its attacks, and a probe that measured nothing; `fit` is the key of the step before."""
        declared = DefenseTraits(**traits)
        self.defenses[name] = DefenseRecord(
            method=name,
            repr=f"{name}()",
            source="by hand",
            summary="",
            traits=declared,
            claimed_accuracy=None,
            missing=(),
        )
        draws = 10 if declared.randomized else 1
        results = {
            "accuracy": [0.5] * draws,
            "votes": 1,
            "randomized": declared.randomized,
            "decision_rule": "mean-logits",
        }
        self.cell("robustness", name, "clean", clean, results, fit=fit, threat=None, facts=None)
        for attack, samples in attacks.items():
            replayed = {"asked": 20, "differ": 0, "worst": 0.0, "slopes": 20, "slopes_off": 0, "slope_error": 0.0}
            self.cell("robustness", name, attack, samples, {"accuracy": [0.5] * draws, "replayed": replayed})

    def cell(
        self,
        table: str,
        defense: str,
        attack: str,
        samples: pd.DataFrame | None,
        results: dict[str, Any],
        detector: str = "none",
        tensors: dict[str, torch.Tensor] | None = None,
        fit: str | None = None,
        **more: Any,
    ) -> None:
        """Add a finished cell with its records."""
        spec = {"cell": len(self.cells), **({} if fit is None else {"needs": {"fit 0": fit}})}
        key = self.step(table, attack, spec, results, tensors, samples)
        cell = {"table": table, "defense": defense, "attack": attack, "detector": detector, "key": key}
        about = {"threat": THREAT, "facts": FACTS, "trained_on": "pgd"}
        self.cells.append({**cell, "status": "done", "reason": "", **about, **more})

    def step(
        self,
        kind: str,
        label: str,
        spec: dict[str, Any],
        results: dict[str, Any],
        tensors: dict[str, torch.Tensor] | None = None,
        samples: pd.DataFrame | None = None,
    ) -> str:
        """Add a finished step; gives its key."""
        key = key_of(kind, spec)
        record = StepRecord(
            kind=kind,
            label=label,
            key=key,
            spec=spec,
            results=results,
            seconds=1.0,
            device="cpu",
            finished=datetime.now(UTC).isoformat(),
        )
        self.store.save(record, tensors, samples)
        return key

    def manifest(self) -> RunRecord:
        """The manifest; also written into the folder."""
        section = {"norm": "linf", "epsilon": "8/255"}
        suite = {
            "name": "by-hand",
            "title": "By hand",
            "data": {"name": "none"},
            "classifier": {"name": "none"},
            "defense": {name: {} for name in self.defenses},
            **dict.fromkeys(("robustness", "detection", "transfer"), section),
        }
        run = RunRecord(
            medrobust="0",
            status="done",
            seed=0,
            suite=Suite.model_validate(suite),
            data=DataRecord(
                name="none",
                title="Made up",
                classes=("healthy", "disease"),
                fingerprint="0" * 32,
                counts=ImageCounts(train=1, validation=1, evaluation=64),
                grouped=False,
                notes=(),
                phantom=True,
                leaks=(),
                leaked=0,
                subgroups=None,
            ),
            classifier=ClassifierRecord(
                name="none",
                factory=None,
                weights_file=None,
                weights_file_sha256=None,
                trained=False,
                threshold_given=True,
            ),
            defenses=self.defenses,
            cells=tuple(CellRecord(**cell) for cell in self.cells),
            steps=(),
            environment=Environment(
                python="3", system="none", packages={}, device="cpu", threads=1, commit=None, dirty=None
            ),
        )
        self.store.write_manifest(run)
        return run
