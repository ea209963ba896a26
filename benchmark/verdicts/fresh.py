"""Asking a fresh process for a model's answers."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.errors import UserError
from benchmark.verdicts.defendant import Defendant
from benchmark.verdicts.docket import Docket
from benchmark.verdicts.server import ANSWER, DOCKET, IMAGES, REASON

_server: subprocess.Popen[str] | None = None


@dataclass(frozen=True)
class Surroundings:
    """What a fresh process takes over from the run, as it was before any plug-in was asked anything.

    Attributes:
        device: Where it computes.
        path: Where it imports from.
        began: When the run began, in seconds since the epoch; younger files are out of its reach.
    """

    device: torch.device
    path: tuple[str, ...]
    began: float

    @classmethod
    def of(cls, device: torch.device) -> Surroundings:
        """Those of this moment; the serving process starts now, which takes seconds."""
        _serving()
        return cls(device, tuple(os.path.abspath(entry) for entry in sys.path), time.time())


class VerdictError(RuntimeError):
    """A model gave no answer that could count; its cell becomes an error."""


def answers(defendant: Defendant, docket: Docket, surroundings: Surroundings, *, batch: int) -> list[Tensor]:
    """The logits [N, K] that a new process, which has seen nothing before, gives for each entry of `docket`.

    Args:
        defendant: The model.
        docket: What it is asked; never empty.
        surroundings: Of the run.
        batch: Images at a time.

    Raises:
        VerdictError: The model raised, ended the process, or answered with NaN or infinity.
        UserError: Its plug-in cannot be built in another process.
    """
    with tempfile.TemporaryDirectory(prefix="medrobust-verdicts-") as name:
        folder = Path(name)
        groups, images = docket.packed()
        save_file(images, folder / IMAGES)
        document = {
            "model": defendant.write(folder),
            "groups": groups,
            "device": str(surroundings.device),
            "batch": batch,
            "threads": torch.get_num_threads(),
            "path": list(surroundings.path),
            "began": surroundings.began,
        }
        (folder / DOCKET).write_text(json.dumps(document), encoding="utf-8")
        status = _served(folder)
        if status or not (folder / ANSWER).is_file():
            reason = folder / REASON
            raise VerdictError(
                reason.read_text(encoding="utf-8")
                if reason.is_file()
                else f"the process that decides ended with status {status}"
            )
        logits = load_file(folder / ANSWER)["logits"]
    if logits.ndim != 2 or len(logits) != len(docket):
        raise VerdictError(f"the model answered {len(docket)} images with logits of shape {list(logits.shape)}")
    broken = int((~logits.isfinite().all(1)).sum())
    if broken:
        raise VerdictError(f"the model answered {broken} of {len(docket)} images with NaN or infinity")
    return docket.unpacked(logits)


def _served(folder: Path) -> int:
    """Exit status of the process that answered the docket in `folder`."""
    server = _serving()
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        server.stdin.write(f"{folder}\n")
        server.stdin.flush()
        reply = server.stdout.readline()
    except BaseException:
        # An answer that nobody waits for must not be taken for the next one.
        close()
        raise
    if not reply:
        close()
        raise UserError(
            "the process that gives the verdicts has ended",
            where="benchmark.verdicts.server",
            remedy="run the same command again; finished steps are kept",
        )
    return int(reply)


def _serving() -> subprocess.Popen[str]:
    global _server
    if _server is None or _server.poll() is not None:
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        _server = subprocess.Popen(
            [sys.executable, "-m", "benchmark.verdicts.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            # Ctrl-C is for the run, which ends its server itself.
            start_new_session=True,
        )
    return _server


def close() -> None:
    """End the serving process and whatever it is running."""
    global _server
    if _server is not None and _server.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(_server.pid, signal.SIGKILL)
        _server.wait()
    _server = None


atexit.register(close)
