"""What a plug-in of somebody else may do where it is asked to work: by name, run in the plug-in's own place."""

from __future__ import annotations

import atexit
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise SystemExit(0)


class EndlessError(Exception):
    def __str__(self) -> str:
        return "very long " * 500_000


class OddError(Exception):
    def __str__(self) -> str:
        return 7  # type: ignore[return-value]


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class NamelessError(Exception, metaclass=Nameless):
    pass


class Peculiar(Tensor):
    """A tensor that refuses whatever is done with it."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        raise OSError(28, "No space left on device")


def _deep(n: int = 0) -> int:
    return _deep(n + 1) + 1


def _raising(error: Callable[[], BaseException]) -> Callable[[], None]:
    def misdeed() -> None:
        raise error()

    return misdeed


RAISES: dict[str, Callable[[], Any]] = {
    "exits": _raising(lambda: SystemExit(0)),
    "exits-with-text": _raising(lambda: SystemExit("goodbye")),
    "closes-generator": _raising(GeneratorExit),
    "interrupts": _raising(KeyboardInterrupt),
    "raises-base": _raising(lambda: BaseException("base")),
    "raises-group": _raising(lambda: BaseExceptionGroup("many", [SystemExit(0), ValueError("one")])),
    "stops": _raising(StopIteration),
    "unspeakable": _raising(UnspeakableError),
    "endless-text": _raising(EndlessError),
    "odd-text": _raising(OddError),
    "nameless": _raising(NamelessError),
    "empty-text": _raising(lambda: RuntimeError("")),
    "escapes": _raising(lambda: RuntimeError("\x1b[2J\x1b]0;owned\x07\ud800")),
    "recursion": _deep,
    "memory": _raising(lambda: MemoryError("no more")),
    "disk-full": _raising(lambda: OSError(28, "No space left on device", "/x")),
    "broken-pipe": _raising(BrokenPipeError),
}
DIES: dict[str, Callable[[], Any]] = {
    "leaves-0": lambda: os._exit(0),
    "leaves-3": lambda: os._exit(3),
    "aborts": os.abort,
    "segfaults": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "is-killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "signals-all": lambda: os.killpg(0, signal.SIGTERM),
    "alarm": lambda: (signal.alarm(1), time.sleep(5)),
}
HANGS: dict[str, Callable[[], Any]] = {
    "sleeps": lambda: time.sleep(3600),
    "stops-itself": lambda: (os.kill(os.getpid(), signal.SIGSTOP), time.sleep(3600)),
}


def _prints() -> None:
    for _ in range(20_000):
        print("flood \x1b[2J\x1b]0;owned\x07", flush=True)
    os.write(1, b"\xff\xfe raw bytes" * 50_000)


def _speaks_out_of_turn() -> None:
    """Writes what an answer looks like into every descriptor that it finds."""
    for descriptor in range(3, 64):
        try:
            os.set_blocking(descriptor, False)
            os.write(descriptor, b'\n["nonsense"]\n[1\n{"a": 2}\nnull\nfit-0\n')
            os.set_blocking(descriptor, True)
        except OSError:
            continue


def _loses_streams() -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    os.close(1)
    os.close(2)


def _redirects() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _patches() -> None:
    from attacks.geometry.ball import Ball
    from benchmark.records.store import Store
    from defenses.base import DefendedModel

    Ball.project = lambda self, x: self.center.clone()  # type: ignore[method-assign]
    DefendedModel.decide = lambda self, x, noise: torch.zeros(len(x), 2)  # type: ignore[method-assign]
    Store.has = lambda self, key: True  # type: ignore[method-assign]
    Tensor.argmax = lambda self, *a, **k: torch.zeros(len(self), dtype=torch.int64)  # type: ignore[method-assign]


def _leaves_a_thread() -> None:
    def meddle() -> None:
        while True:
            torch.set_default_dtype(torch.float64)
            np.seterr(all="raise")
            time.sleep(0.001)

    threading.Thread(target=meddle, daemon=True).start()


def _leaves_a_child() -> None:
    if not os.fork():
        time.sleep(30)
        os._exit(0)


def _seeds() -> None:
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)


CHANGES: dict[str, Callable[[], Any]] = {
    "prints": _prints,
    "speaks-out-of-turn": _speaks_out_of_turn,
    "loses-streams": _loses_streams,
    "redirects": _redirects,
    "patches": _patches,
    "leaves-a-thread": _leaves_a_thread,
    "leaves-a-child": _leaves_a_child,
    "seeds": _seeds,
    "default-device": lambda: torch.set_default_device("meta"),
    "default-dtype": lambda: torch.set_default_dtype(torch.float64),
    "no-gradients": lambda: torch.set_grad_enabled(False),
    "inference": lambda: torch.inference_mode().__enter__(),
    "threads": lambda: torch.set_num_threads(7),
    "deterministic": lambda: torch.use_deterministic_algorithms(True),
    "precision": lambda: torch.set_float32_matmul_precision("medium"),
    "no-onednn": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "denormals": lambda: torch.set_flush_denormal(True),
    "hooks": lambda: nn.modules.module.register_module_forward_hook(lambda m, i, o: o * 0),
    "numpy-errors": lambda: np.seterr(all="raise"),
    "print-options": lambda: np.set_printoptions(precision=1, threshold=1),
    "folder": lambda: os.chdir("/"),
    "umask": lambda: os.umask(0o777),
    "warnings": lambda: warnings.simplefilter("error"),
    "path": sys.path.clear,
    "modules": lambda: sys.modules.update(numpy=sys, pandas=sys),
    "signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
    "environment": os.environ.clear,
    "recursion-limit": lambda: sys.setrecursionlimit(120),
    "no-collector": lambda: (gc.disable(), gc.freeze()),
    "exception-hook": lambda: setattr(sys, "excepthook", lambda *a: os._exit(0)),
    "at-exit": lambda: atexit.register(os._exit, 0),
}
GIVES: dict[str, Callable[[Any], Any]] = {
    "none": lambda x: None,
    "text": lambda x: "text",
    "number": lambda x: 3,
    "generator": lambda x: (one for one in x),
    "array": lambda x: x.detach().numpy() if isinstance(x, Tensor) else [1, 2],
    "double": lambda x: x.double() if isinstance(x, Tensor) else np.zeros(len(x), complex),
    "shorter": lambda x: x[:1],
    "nan": lambda x: x * float("nan") if isinstance(x, Tensor) else np.full(len(x), np.nan),
    "peculiar": lambda x: x.detach().as_subclass(Peculiar) if isinstance(x, Tensor) else object(),
    "meta": lambda x: x.to("meta") if isinstance(x, Tensor) else np.array("text"),
    "type": lambda x: Tensor,
}
WEIGHTS: dict[str, Any] = {
    "weights-none": None,
    "weights-number": {"a": 3},
    "weights-key": {3: torch.zeros(1)},
    "weights-list": [torch.zeros(1)],
    "weights-meta": {"a": torch.zeros(3, device="meta")},
    "weights-sparse": {"a": torch.eye(3).to_sparse()},
    "weights-peculiar": {"a": torch.zeros(3).as_subclass(Peculiar)},
    "weights-quantized": {"a": torch.quantize_per_tensor(torch.zeros(3), 0.1, 0, torch.qint8)},
}
