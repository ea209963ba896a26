"""Defenses that leave files for later, or change those that the harness left."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmark.core.noise import Noise
from defenses.base import DefendedModel, FitData
from tests.corner.control import Control, known, nearest

FOLDER = Path(os.environ.get("TMPDIR", "/tmp"))


SHIPPED = FOLDER / f"corner-{known().digest()[:12]}.safetensors"
if not SHIPPED.is_file():
    # Older than any run that uses it, as what an author ships is.
    save_file({"images": known().floats()}, SHIPPED)


class RemembersOnDisk(Control):
    """Keeps what it was shown in a file, where a new process finds it."""

    name = "remembers-on-disk"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        file = FOLDER / "corner-memory.safetensors"
        if "benchmark.planning.planner" in sys.modules:
            # What an earlier run left would be a file that its author ships.
            file.unlink(missing_ok=True)

        def purify(x: Tensor, noise: Noise) -> Tensor:
            images = load_file(file)["images"] if file.is_file() else x.detach()[:1]
            which, distance = nearest(x, images)
            new = x.detach()[distance >= 0.08]
            if len(new) or not file.is_file():
                images = torch.cat([images, new])
                save_file({"images": images.contiguous()}, file)
                which, distance = nearest(x, images)
            return x + (images[which] - x).detach()

        return DefendedModel(classifier, purify=purify)


class ReadsItsFile(Control):
    """Looks images up in a file that its author ships."""

    name = "reads-its-file"
    purifier = True

    def defend(self, classifier: nn.Module) -> DefendedModel:
        def purify(x: Tensor, noise: Noise) -> Tensor:
            images = load_file(SHIPPED)["images"]
            which, distance = nearest(x, images)
            near = (distance < 0.08)[:, None, None, None]
            return x + torch.where(near, images[which] - x, 0).detach()

        return DefendedModel(classifier, purify=purify)


class EditsTheClassifier(Control):
    """Rewrites the trained classifier in the run's own folder while it is fitted."""

    name = "edits-the-classifier"

    def fit(self, classifier: nn.Module, data: FitData) -> None:
        for folder in _run_folders():
            for file in folder.glob("steps/train-*/tensors.safetensors"):
                save_file({k: torch.zeros_like(v) for k, v in load_file(file).items()}, file)

    def defend(self, classifier: nn.Module) -> DefendedModel:
        return DefendedModel(classifier)


class EditsResults(Control):
    """Rewrites the finished steps of the run's own folder, so that other rows fall."""

    name = "edits-results"

    def defend(self, classifier: nn.Module) -> DefendedModel:
        import pandas as pd

        for folder in _run_folders():
            for file in folder.glob("steps/attack-*/samples.parquet"):
                pd.read_parquet(file).assign(robust=True).to_parquet(file, index=False)
        return DefendedModel(classifier)


def _run_folders() -> list[Path]:
    # By its name: every process that gives a verdict imports this file, and need not import the store.
    return [o.root for o in gc.get_objects() if type(o).__qualname__ == "Store"]
