"""Asking a fresh process for a model's answers."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.writing import AGAIN, DiskError, temporary_folder, writing
from benchmark.verdicts.defendant import Defendant
from benchmark.verdicts.docket import Docket
from benchmark.verdicts.server import ANSWER, DOCKET, IMAGES, NO_ROOM, REASON
from benchmark.verdicts.surroundings import Surroundings


@dataclass(frozen=True)
class Serving:
    """The process that forks those that answer.

    Attributes:
        process: It, and the pipes to it.
        owner: The process that started it; those forked from that one may ask it as well, one at a time.
    """

    process: subprocess.Popen[str]
    owner: int

    def alive(self) -> bool:
        """Whether it is there, as far as this process can tell."""
        return self.owner != os.getpid() or self.process.poll() is None

    def descriptors(self) -> set[int]:
        """The ends of the pipes to it."""
        return {pipe.fileno() for pipe in (self.process.stdin, self.process.stdout) if pipe is not None}


_ATTEMPTS = 2
"""How often a docket is handed in: again where the server has ended, and a model that ends each is an error."""
_server: Serving | None = None


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
        DiskError: There is no room for temporary files.
    """
    with temporary_folder("medrobust-verdicts-") as folder:
        groups, images = docket.packed()
        with writing(folder / IMAGES):
            save_file(images, folder / IMAGES)
        with writing(folder):
            model = defendant.write(folder)
        document = {
            "model": model,
            "groups": groups,
            "device": str(surroundings.device),
            "batch": batch,
            "threads": torch.get_num_threads(),
            "path": list(surroundings.path),
            "began": surroundings.began,
        }
        with writing(folder / DOCKET):
            (folder / DOCKET).write_text(json.dumps(document), encoding="utf-8")
        status = _served(folder)
        if status == NO_ROOM:
            raise DiskError(
                "cannot be written", where=str(folder / ANSWER), remedy=f"free some space there, then {AGAIN}"
            )
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
    # Whoever is stopped while it waits ends the server, which others that were forked from one process share.
    for _ in range(_ATTEMPTS):
        status = _asked(folder)
        if status is not None:
            return status
        close()
    raise UserError(
        "the process that gives the verdicts has ended",
        where="benchmark.verdicts.server",
        remedy="run the same command again; finished steps are kept",
    )


def _asked(folder: Path) -> int | None:
    """What the server answered about `folder`; None if it has ended."""
    server = serving().process
    assert server.stdin is not None
    assert server.stdout is not None
    for pipe in (server.stdin, server.stdout):
        # The processes that share these share this flag as well.
        os.set_blocking(pipe.fileno(), True)
    try:
        # On a line of its own, whatever somebody else has left there without an end.
        server.stdin.write(f"\n{folder}\n")
        server.stdin.flush()
        while reply := server.stdout.readline():
            status, _, about = reply.rstrip("\n").partition(" ")
            # An answer that nobody waited for must not be taken for this one.
            if about == str(folder):
                return int(status)
    except BrokenPipeError:
        return None
    except BaseException:
        close()
        raise
    return None


def serving() -> Serving:
    """The serving process, started where there is none; it takes seconds to be ready, and none are waited here."""
    global _server
    if _server is None or not _server.alive():
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmark.verdicts.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            # Ctrl-C is for the run, which ends its server itself.
            start_new_session=True,
        )
        _server = Serving(process, os.getpid())
    return _server


def close() -> None:
    """End the serving process and whatever it is running."""
    global _server
    if _server is not None and _server.alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(_server.process.pid, signal.SIGKILL)
        if _server.owner == os.getpid():
            _server.process.wait()
    _server = None


atexit.register(close)
