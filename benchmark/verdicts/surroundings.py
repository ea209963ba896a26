"""What the processes that give the verdicts take over from a run."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

import torch


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
        """Those of this moment."""
        return cls(device, tuple(os.path.abspath(entry) for entry in sys.path), time.time())
