"""Finished steps on disk: a folder each, named by the hash of all that determines it, appearing by one rename."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.errors import UserError


class StepRecord(BaseModel):
    """What a finished step says of itself.

    Attributes:
        kind, label, key: What it is, for people and for look-up.
        spec: Everything that determined it, upstream keys included.
        results: Numbers the step computed; a function of `spec` alone.
        seconds, device, finished: How the computation went; never part of a table.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    label: str
    key: str
    spec: dict[str, Any]
    results: dict[str, Any]
    seconds: float
    device: str
    finished: str


class StepFailure(BaseModel):
    """A step that raised; kept until the step succeeds."""

    kind: str
    label: str
    key: str
    message: str


class Store:
    """A run folder. Safe to share between processes: a step is written aside and renamed into place.

    Args:
        root: The run folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def _step(self, key: str) -> Path:
        return self.root / "steps" / key

    def has(self, key: str) -> bool:
        """Whether the step is finished."""
        return self._step(key).is_dir()

    def record(self, key: str) -> StepRecord:
        """The step's record; raises UserError when the file is damaged."""
        path = self._step(key) / "record.json"
        try:
            return StepRecord.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise self._damaged(path, error) from error

    def tensors(self, key: str) -> dict[str, Tensor]:
        """The step's tensors, on the CPU."""
        path = self._step(key) / "tensors.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise self._damaged(path, error) from error

    def samples(self, key: str) -> pd.DataFrame:
        """The step's per-sample records."""
        path = self._step(key) / "samples.parquet"
        try:
            return pd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error

    def save(
        self, record: StepRecord, tensors: dict[str, Tensor] | None = None, samples: pd.DataFrame | None = None
    ) -> None:
        """Write a finished step. Where another process finished it first, that one stands."""
        aside = self.root / "steps" / f".{record.key}.{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            if tensors is not None:
                save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, aside / "tensors.safetensors")
            if samples is not None:
                samples.to_parquet(aside / "samples.parquet", index=False)
            (aside / "record.json").write_text(record.model_dump_json(indent=1), encoding="utf-8")
            try:
                os.rename(aside, self._step(record.key))
            except OSError:
                if not self.has(record.key):
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        self._failure(record.key).unlink(missing_ok=True)

    def fail(self, failure: StepFailure) -> None:
        """Keep the reason why a step raised."""
        write_atomically(self._failure(failure.key), failure.model_dump_json(indent=1))

    def failure(self, key: str) -> StepFailure | None:
        """Why the step raised when last tried, or None."""
        path = self._failure(key)
        return StepFailure.model_validate_json(path.read_bytes()) if path.is_file() else None

    def sweep(self) -> None:
        """Remove what killed runs left half written more than an hour ago."""
        import time

        for leftover in (self.root / "steps").glob(".*"):
            if leftover.is_dir() and time.time() - leftover.stat().st_mtime > 3600:
                shutil.rmtree(leftover, ignore_errors=True)

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Replace `manifest.json`."""
        write_atomically(self.root / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")

    def manifest(self) -> dict[str, Any]:
        """`manifest.json`; raises UserError where there is none."""
        path = self.root / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise UserError(
                "no run here", where=str(self.root), remedy="give the folder that `run --out` wrote"
            ) from error
        except (OSError, ValueError) as error:
            raise self._damaged(path, error) from error
        if not isinstance(manifest, dict) or "cells" not in manifest:
            raise self._damaged(path, ValueError("not a manifest"))
        return manifest

    def _failure(self, key: str) -> Path:
        return self.root / "steps" / f"{key}.failed.json"

    def _damaged(self, path: Path, error: Exception) -> UserError:
        return UserError(
            f"cannot be read ({type(error).__name__})",
            where=str(path),
            remedy=f"delete {path.parent} and run the same command again",
        )


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file (text as UTF-8) so that a reader sees the old content or the new, never a part.

    What is no character, as half of a surrogate pair from somebody's error message, is written as "?".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    if isinstance(content, str):
        aside.write_text(content, encoding="utf-8", errors="replace")
    else:
        aside.write_bytes(content)
    os.replace(aside, path)


def write_parquet_atomically(path: Path, table: pd.DataFrame) -> None:
    """Write a Parquet file so that a reader sees the old content or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    table.to_parquet(aside, index=False)
    os.replace(aside, path)
