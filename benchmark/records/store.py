"""Finished steps on disk: a folder each, named by the hash of all that determines it, appearing by one rename."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel, ValidationError

from benchmark.core.errors import UserError, in_words
from benchmark.core.harmless import in_json
from benchmark.core.keys import as_stored
from benchmark.core.writing import write_atomically, writing
from benchmark.records.run_record import RunRecord
from benchmark.records.sealed_json import SealError, sealed, unsealed
from benchmark.records.serialising import UnsaveableError, sample_bytes, tensor_bytes
from benchmark.records.step_folder import RECORD, DamagedError, FileMark, StepFolder, StepRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

TENSORS, SAMPLES = "tensors.safetensors", "samples.parquet"
_ASIDE = re.compile(r"\..+\.[0-9a-f]{32}")
_REWRITTEN = (
    "run the command that made it again, into the same folder: the manifest is written anew, and no finished step is "
    "computed again"
)


class StepFailure(BaseModel):
    """A step that raised; kept until the step succeeds."""

    kind: str
    label: str
    key: str
    message: str


class Store:
    """A run folder. Safe to share between processes: a step is written aside and renamed into place.

    What is read is compared with what was written (`benchmark/records/step_folder.py`).

    Args:
        root: The run folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def _step(self, key: str) -> Path:
        return self.root / "steps" / key

    def has(self, key: str) -> bool:
        """Whether the step is finished: it is there, and every byte is what was written."""
        return os.path.lexists(self._step(key)) and self.fault(key) is None

    def fault(self, key: str, *, but_tensors: bool = False) -> DamagedError | None:
        """What is wrong with a step; the content of tensors is left out where asked for, and their size is not.

        Raises:
            UserError: It may be sound and cannot be read.
        """
        try:
            StepFolder(self._step(key)).check(skip=frozenset({TENSORS}) if but_tensors else frozenset())
        except DamagedError as error:
            return error
        return None

    def record(self, key: str) -> StepRecord:
        """The step's record; raises DamagedError where it is not what was written."""
        return StepFolder(self._step(key)).record()

    def tensors(self, key: str) -> dict[str, Tensor]:
        """The step's tensors, on the CPU; raises DamagedError where they are not what was written."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = StepFolder(self._step(key)).file(TENSORS)
        try:
            tensors: dict[str, Tensor] = load_file(path)
        except (OSError, SafetensorError) as error:
            raise DamagedError(f"cannot be read ({in_words(error)})", path) from error
        return tensors

    def arrays(self, key: str, *names: str) -> dict[str, NDArray[Any]]:
        """Those of the step's tensors that it has, without torch; raises as `tensors`."""
        from safetensors import SafetensorError, safe_open

        path = StepFolder(self._step(key)).file(TENSORS)
        try:
            with safe_open(path, framework="np") as file:
                return {name: file.get_tensor(name) for name in names if name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise DamagedError(f"cannot be read ({in_words(error)})", path) from error

    def samples(self, key: str) -> pd.DataFrame:
        """The step's per-sample records; raises DamagedError where they are not what was written."""
        path = StepFolder(self._step(key)).file(SAMPLES)
        try:
            # Threads cost more than a file of one row a sample takes.
            return pd.read_parquet(path, use_threads=False)
        except (OSError, ValueError) as error:
            raise DamagedError(f"cannot be read ({in_words(error)})", path) from error

    def save(
        self, record: StepRecord, tensors: dict[str, Tensor] | None = None, samples: pd.DataFrame | None = None
    ) -> None:
        """Write a finished step. Where another process finished it first, that one stands; a damaged one gives way.

        Raises:
            UnsaveableError: No file can hold what the step gave; nothing was written.
            DiskError: The disk does not take it.
        """
        files = {}
        if tensors is not None:
            files[TENSORS] = tensor_bytes(tensors)
        if samples is not None:
            files[SAMPLES] = sample_bytes(samples)
        files[RECORD] = _record_bytes(record, {name: FileMark.of(content) for name, content in files.items()})
        aside = self._aside(record.key)
        try:
            for name, content in files.items():
                with writing(self._step(record.key) / name):
                    aside.mkdir(parents=True, exist_ok=True)
                    (aside / name).write_bytes(content)
            with writing(self._step(record.key)):
                self._put(aside, record.key)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        with writing(self._failure(record.key)):
            self._failure(record.key).unlink(missing_ok=True)

    def _put(self, aside: Path, key: str) -> None:
        """Rename a step into place, where a damaged one may be in the way."""
        try:
            os.rename(aside, self._step(key))
        except OSError:
            if self.has(key):
                return
            if not os.path.lexists(self._step(key)):
                raise
            damaged = self._aside(key)
            os.rename(self._step(key), damaged)
            os.rename(aside, self._step(key))
            remove(damaged)

    def _aside(self, key: str) -> Path:
        return self.root / "steps" / f".{key}.{uuid.uuid4().hex}"

    def discard(self, key: str) -> None:
        """Forget a step, finished or not."""
        shutil.rmtree(self._step(key), ignore_errors=True)

    def fail(self, failure: StepFailure) -> None:
        """Keep the reason why a step raised."""
        write_atomically(self._failure(failure.key), in_json(failure.model_dump_json(indent=1)))

    def sweep(self) -> None:
        """Remove what killed runs left half written; only where nobody is at work in the folder."""
        for leftover in leftovers(self.root):
            remove(leftover)

    def write_manifest(self, run: RunRecord) -> None:
        """Replace `manifest.json`."""
        write_atomically(self.root / "manifest.json", sealed(run.model_dump(mode="json")))

    def manifest(self) -> RunRecord:
        """`manifest.json`; raises UserError where there is none, or it is not what was written."""
        path = self.root / "manifest.json"
        try:
            if os.path.lexists(path) and not path.is_file():
                raise SealError("is no file")
            return RunRecord.model_validate_json(json.dumps(unsealed(path.read_bytes())))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UserError(
                "no run here", where=str(self.root), remedy="give the folder that `run --out` wrote"
            ) from error
        except ValidationError as error:
            raise UserError(
                f"is not a manifest as this version writes it ({_first(error)})",
                where=str(path),
                remedy=f"another version of medrobust wrote it: {_REWRITTEN}",
            ) from error
        except (OSError, SealError) as error:
            problem = str(error) if isinstance(error, SealError) else f"cannot be read ({error.strerror})"
            raise UserError(problem, where=str(path), remedy=_REWRITTEN) from error

    def _failure(self, key: str) -> Path:
        return self.root / "steps" / f"{key}.failed.json"


def leftovers(root: Path) -> list[Path]:
    """What was written aside in a run folder, and would have been renamed."""
    folders = (root, root / "steps", root / "figures", root / "leaderboard")
    return sorted(path for folder in folders for path in folder.glob(".*") if _ASIDE.fullmatch(path.name))


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to) or a folder, as far as that is possible."""
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
    shutil.rmtree(path, ignore_errors=True)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _record_bytes(record: StepRecord, files: dict[str, FileMark]) -> bytes:
    try:
        written = json.loads(record.model_copy(update={"files": files}).model_dump_json(exclude={"spec"}))
        return sealed({**written, "spec": as_stored(record.spec)})
    except (TypeError, ValueError) as error:
        raise UnsaveableError(f"the results cannot be saved ({in_words(error)})") from error
