"""A folder that diffusers saved: three files are read, each once looked at, and no other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from torch import Tensor

from benchmark.core.errors import UserError
from benchmark.core.plain_file import is_file, is_folder, open_plain

NETWORK = "unet/config.json"
SCHEDULE = "scheduler/scheduler_config.json"
WEIGHTS = "unet/diffusion_pytorch_model.safetensors"

_MOST_BYTES = {NETWORK: 2**20, SCHEDULE: 2**20, WEIGHTS: 2**32}
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt"})
_SAVE = "DDPMPipeline.from_pretrained(…).save_pretrained(FOLDER) of diffusers writes it"


@dataclass(frozen=True)
class PipelineFolder:
    """Where `save_pretrained` of a diffusers pipeline wrote; nothing in it is run, and nothing looked up elsewhere.

    Attributes:
        path: The folder.
    """

    path: Path

    def text(self, name: str) -> bytes:
        """What a file of the folder holds; raises UserError as `opened` does."""
        with self.opened(name) as file:
            return file.read()

    def digest(self) -> str:
        """SHA-256 of what its files hold, in hexadecimal; raises UserError as `opened` does."""
        whole = hashlib.sha256()
        for name in _MOST_BYTES:
            with self.opened(name) as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    def contents(self) -> dict[str, bytes]:
        """What its three files hold, by name; raises UserError as `opened` does."""
        return {name: self.text(name) for name in _MOST_BYTES}

    def weights(self, content: bytes) -> dict[str, Tensor]:
        """The network's weights in single precision, from what their file holds.

        Raises:
            UserError: It is no safetensors or cut short, or a weight is not finite.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            found = load(content)
        except (SafetensorError, ValueError, KeyError) as error:
            raise self._error(WEIGHTS, f"is damaged, cut short, or not safetensors ({error})", _SAVE) from error
        for name, tensor in found.items():
            if not tensor.is_floating_point() or not bool(tensor.float().isfinite().all()):
                raise self._error(WEIGHTS, f"{name} holds something else than finite numbers", "give another model")
        return {_renamed(name): tensor.float() for name, tensor in found.items()}

    def opened(self, name: str) -> BufferedReader:
        """Open a file of the folder.

        Raises:
            UserError: There is no such folder or file, it lies elsewhere, is no plain file, is too large, or may not
                be read.
        """
        file = self.path / name
        try:
            if not is_folder(self.path):
                raise self._error(str(self.path), "no such folder", "check the path")
            if not is_file(file):
                raise self._missing(name)
            if not file.resolve().is_relative_to(self.path.resolve()):
                raise self._error(name, "is a link to a place outside of the folder", "cp -rL copies what links name")
            return open_plain(file, most=_MOST_BYTES[name])
        except UserError as error:
            if error.where == self._where:
                raise
            raise self._error(name, error.problem, error.remedy) from error

    def _missing(self, name: str) -> UserError:
        beside = (self.path / name).parent
        pickles = sorted(p.name for p in beside.iterdir() if p.suffix in _PICKLES) if is_folder(beside) else []
        if name == WEIGHTS and pickles:
            return self._error(
                name,
                f"is not there, and {pickles[0]} may run code when it is read",
                "where you trust it, save the pipeline again with safe_serialization=True",
            )
        return self._error(name, "no such file", _SAVE)

    @property
    def _where(self) -> str:
        return f"folder {self.path}"

    def _error(self, name: str, problem: str, remedy: str) -> UserError:
        return UserError(f"{name}: {problem}", where=self._where, remedy=remedy)


def digest_of(contents: Mapping[str, bytes]) -> str:
    """What `PipelineFolder.digest` gives of a folder that holds these."""
    return hashlib.sha256(b"".join(hashlib.sha256(contents[name]).digest() for name in _MOST_BYTES)).hexdigest()


_SINCE_RENAMED = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
"""Layers of an attention block, as diffusers called them before 0.15 and calls them now."""


def _renamed(weight: str) -> str:
    block, dot, kind = weight.rpartition(".")
    above, _, layer = block.rpartition(".")
    return f"{above}.{_SINCE_RENAMED[layer]}{dot}{kind}" if layer in _SINCE_RENAMED else weight
