"""A network that lives in this process, as another process can have it: pickled, its numbers beside it."""

from __future__ import annotations

import hashlib
import inspect
import io
import pickle
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmark.core.errors import UserError, in_words
from benchmark.core.source import module_digest

_SKELETON, _NUMBERS = "network.pickle", "network.safetensors"


@dataclass(frozen=True)
class PackedNetwork:
    """A network as bytes and tensors, from which any number of equal ones can be made.

    Classes of importable modules go by name; those of a notebook, of the program that was started or of a function go
    with their code. It lies in temporary files of the run alone and in no run folder, so nobody unpickles what somebody
    else sent.

    Attributes:
        skeleton: All but the tensors, pickled.
        tensors: The tensors by number, on the CPU.
        code: Hash of the source of the network's class.
    """

    skeleton: bytes
    tensors: dict[str, Tensor]
    code: str

    @classmethod
    def of(cls, network: nn.Module) -> PackedNetwork:
        """A copy in eval mode; raises UserError where the network cannot be copied, as where it holds a lock."""
        stream = io.BytesIO()
        pickler = _Pickler(stream)
        modes = [(module, module.training) for module in network.modules()]
        try:
            for module, _ in modes:
                module.training = False
            pickler.dump(network)
        except Exception as error:
            raise UserError(
                f"the network cannot be copied into the process that gives the verdicts ({in_words(error)})",
                where=type(network).__name__,
                remedy="keep locks, handles, compiled and scripted parts out of it, or write a suite with "
                'classifier "module" and a factory that makes it',
            ) from error
        finally:
            for module, mode in modes:
                module.training = mode
        return cls(stream.getvalue(), pickler.tensors, _code(type(network)))

    def network(self) -> nn.Module:
        """A network of its own."""
        network: nn.Module = _Unpickler(io.BytesIO(self.skeleton), self.tensors).load()
        return network

    def digest(self) -> str:
        """Hash of all that it is, and of the code of its class."""
        digest = hashlib.sha256(f"{self.code}".encode())
        digest.update(self.skeleton)
        for name, tensor in sorted(self.tensors.items()):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:32]

    def write(self, folder: Path) -> None:
        """Into two files in `folder`."""
        (folder / _SKELETON).write_bytes(self.skeleton)
        save_file(self.tensors, folder / _NUMBERS, metadata={"code": self.code})

    @classmethod
    def read(cls, folder: Path) -> PackedNetwork:
        """What `write` wrote in this run."""
        return cls((folder / _SKELETON).read_bytes(), load_file(folder / _NUMBERS), "")


def _code(cls: type) -> str:
    """Hash of the source that a class rests on: of its module's file, or of its own in a notebook."""
    if getattr(sys.modules.get(cls.__module__), "__file__", None):
        return module_digest(cls.__module__)
    try:
        text = inspect.getsource(cls)
    except (OSError, TypeError):
        text = cls.__qualname__
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Leaves plain tensors out, each once, so that equal networks make equal bytes and a GPU is not needed to read."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.tensors: dict[str, Tensor] = {}
        self._met: dict[int, tuple[str, Tensor]] = {}

    def persistent_id(self, value: Any) -> tuple[str, bool, bool] | None:
        """Its number, whether it is a parameter, and whether it wants a gradient; None for what is no plain tensor."""
        if type(value) not in (Tensor, nn.Parameter) or value.is_sparse or value.is_complex() or value.is_quantized:
            return None
        if id(value) not in self._met:
            number = str(len(self._met))
            # The tensor is kept, so that no other one gets its identity.
            self._met[id(value)] = (number, value)
            self.tensors[number] = value.detach().cpu().contiguous().clone()
        return self._met[id(value)][0], isinstance(value, nn.Parameter), value.requires_grad


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, tensors: dict[str, Tensor]) -> None:
        super().__init__(stream)
        self._tensors = tensors
        self._made: dict[str, Tensor] = {}

    def persistent_load(self, reference: tuple[str, bool, bool]) -> Tensor:
        number, parameter, wants_gradient = reference
        if number not in self._made:
            tensor = self._tensors[number].clone()
            made = nn.Parameter(tensor, wants_gradient) if parameter else tensor.requires_grad_(wants_gradient)
            self._made[number] = made
        return self._made[number]
