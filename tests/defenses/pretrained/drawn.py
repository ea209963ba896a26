"""Folders as diffusers saves them, with weights drawn at random."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

REASON = "diffusers is not installed: pip install -e '.[diffusion]'"


def draw(folder: Path, *, seed: int = 0, schedule: dict[str, Any] | None = None, **network: Any) -> Path:
    """Save a small U-Net on two grids, and the schedule of DDPM; skips the test where diffusers is missing."""
    diffusers = pytest.importorskip("diffusers", reason=REASON)
    settings = {
        "sample_size": 12,
        "in_channels": 1,
        "out_channels": 1,
        "block_out_channels": (8, 16),
        "down_block_types": ("DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        **network,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = diffusers.UNet2DModel(**settings)
    pipeline = diffusers.DDPMPipeline(unet=unet, scheduler=diffusers.DDPMScheduler(**(schedule or {})))
    pipeline.save_pretrained(str(folder))
    return folder


@cache
def drawn_once() -> Path:
    """One such folder for the whole process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return draw(folder / "pipeline")
