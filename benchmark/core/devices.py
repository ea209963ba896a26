"""What there is to compute on. A process that has used a GPU has no children that can, so children are asked."""

from __future__ import annotations

import os
import re

import torch

from benchmark.core.apart import NoAnswerError, answer_apart
from benchmark.core.errors import UserError, in_words
from benchmark.core.settings import shortened

_DEVICE = re.compile(r"cpu|(cuda|xpu|mps)(:[0-9]{1,3})?")
_DEVICES = "use auto, cpu, or a GPU that `python -m benchmark doctor` lists, such as cuda or cuda:1"
_PATIENCE = 120.0
"""Seconds that a driver may take to start."""


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes a GPU when there is one. Raises UserError when it cannot be used."""
    if name == "auto":
        # Through the driver's library of measurements, which leaves this process free to have children.
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Others can be named to torch, and hold no numbers (meta) or need a library that is not asked for here (hpu).
    if not _DEVICE.fullmatch(name):
        raise UserError(f"no device is called {shortened(name)}", where="--device", remedy=_DEVICES)
    try:
        device = torch.device(name)
        if device.type != "cpu":
            answer_apart(lambda: str(torch.ones(1, device=device).add(1).item()), seconds=_PATIENCE)
    except (RuntimeError, NoAnswerError) as error:
        raise UserError(
            f"cannot use {name!r} ({in_words(error).splitlines()[0]})", where="--device", remedy=_DEVICES
        ) from error
    return device


def device_name(device: torch.device) -> str:
    """What the maker calls a device."""
    if device.type != "cuda":
        return device.type
    try:
        return answer_apart(lambda: torch.cuda.get_device_name(device), seconds=_PATIENCE)
    except (NoAnswerError, UserError):
        return device.type
