"""A user's own network, named as `package.module:function`."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval, MinLen
from torch import Tensor, nn

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError, did_you_mean, in_words
from benchmark.core.images import LabeledImages
from benchmark.core.keys import CODE
from benchmark.core.settings import BatchRows, Count, Decay, Rate, Shift
from benchmark.core.source import module_digest
from benchmark.models.base import Classifier
from benchmark.models.training.reading import Outputs, Reading, head_number
from benchmark.models.training.weights import load_into


class Module(Classifier):
    """Any network that a function returns: with weights of its own or of a file, or trained here.

    The function is called with `arguments`, and with those of the keyword arguments channels, classes and size that it
    names and `arguments` leave open (one that takes any keyword gets them where `arguments` is empty); it returns a
    network that gives logits. Where `train` is not set, a network with
    `weights` is used as it is. Of a network that is not trained only the operating threshold is chosen, on validation
    data, unless `threshold` is set, and it gets pixels in [0, 1] unless `mean` and `std` are. One that is trained from
    the beginning gets them normalised by the training pixels unless they are set.

    Args:
        factory: "package.module:function", of a package that is installed or lies beside the suite's file.
        arguments: Keyword arguments for the function.
        weights: A safetensors file, or a state dict that torch.save wrote (.pt, .pth), beside the suite's file.
        train: Whether to train it here, from `weights` where there are any.
        threshold: Probability of class 1 from which it is said; two classes only.
        outputs: What the network gives. The probabilities of a sigmoid or softmax at its end are turned back into
            logits, whose gradients vanish where the network is sure: a network without that layer is better.
        head: Of a network with many outputs, the one that is for class 1 of two: its number from 0, or its name in the
            network's own list (`pathologies` or `targets`).
        rgb: The network takes three channels; grayscale images are repeated to three.
        mean, std: One number per image channel.
        epochs, patience, batch_size, optimizer, learning_rate, weight_decay, shift: As in `Recipe`.
        folder: Where the suite's file lies.
    """

    name = "module"
    source = "the user's own"
    handed: ClassVar[frozenset[str]] = frozenset({"folder"})

    def __init__(
        self,
        *,
        factory: Annotated[str, Free("a function of an importable module")],
        arguments: dict[str, Any] | None = None,
        weights: Annotated[str, Free("a .safetensors or .pth file")] | None = None,
        train: bool | None = None,
        threshold: Annotated[float, Interval(ge=1e-6, le=1 - 1e-6)] | None = None,
        outputs: Outputs = "logits",
        head: Annotated[int, Interval(ge=0, le=10**6)] | Annotated[str, Free("a name that it lists")] | None = None,
        rgb: bool = False,
        mean: Annotated[list[Annotated[float, Interval(ge=-1000, le=1000)]], MinLen(1)] | None = None,
        std: Annotated[list[Annotated[float, Interval(ge=1e-6, le=1000)]], MinLen(1)] | None = None,
        epochs: Count = 100,
        patience: Count = 5,
        batch_size: BatchRows = 64,
        optimizer: Literal["adam", "sgd"] = "adam",
        learning_rate: Rate = 1e-3,
        weight_decay: Decay = 1e-4,
        shift: Shift = 1,
        folder: str = "",
    ) -> None:
        self.factory = factory
        self.arguments = arguments
        self.weights = weights
        self.train = train
        self.threshold = threshold
        self.outputs = outputs
        self.head = head
        self.rgb = rgb
        self.mean = mean
        self.std = std
        self.epochs = epochs
        self.patience = patience
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.shift = shift
        self.folder = folder

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        """Call the factory; raises UserError when there is none, it fails, or it does not return a network."""
        function, given = self._function(), self.arguments or {}
        offered: dict[str, Any] = {"channels": channels, "classes": classes, "size": size}
        try:
            parameters = inspect.signature(function).parameters.values()
            # What takes any keyword hands it on to something that may not: only what it names is offered to it.
            takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters) and not given
            named = {p.name for p in parameters}
            network = function(**{k: v for k, v in offered.items() if takes_all or k in named} | given)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise self._error(f"the function failed ({in_words(error)})", "fix it") from error
        if not isinstance(network, nn.Module):
            raise self._error(f"it returned {type(network).__name__}", "let it return a torch.nn.Module")
        return network

    def initialize(self, network: nn.Module) -> None:
        """Load `weights`; raises UserError when the file is missing, damaged or of another network."""
        if self.weights is not None:
            load_into(network, self._file(self.weights))

    @property
    def trains(self) -> bool:
        """As `train` says; where it says nothing, only without weights."""
        return self.weights is None if self.train is None else self.train

    def check_settings(self) -> None:
        super().check_settings()
        if (self.mean is None) != (self.std is None):
            raise self._error("one of mean and std is set without the other", "set both or neither")
        if self.weights is not None and not self._file(self.weights).is_file():
            raise UserError("no such weights file", where=str(self._file(self.weights)), remedy="check the path")
        if self.weights is None and self.train is None:
            raise self._error(
                "it says neither whose weights the network has nor whether to train it",
                'set train = false to use the network as the function returns it, weights = "…" to fill it from a '
                "file, or train = true to train it here",
            )

    def reading(self, network: nn.Module) -> Reading:
        """As `outputs` and `head` say; raises UserError for a head that the network does not list."""
        head = head_number(network, self.head, where=f"classifier 'module', factory {self.factory!r}")
        return Reading(outputs=self.outputs, head=head)

    def decision_threshold(self) -> float | None:
        """`threshold`."""
        return self.threshold

    def normalization(self, train: LabeledImages) -> tuple[Tensor, Tensor]:
        """`mean` and `std` where set; raises UserError when they do not fit the channels."""
        channels = train.shape[0]
        if (self.mean is None) != (self.std is None):
            raise self._error("one of mean and std is set without the other", "set both or neither")
        if self.mean is None or self.std is None:
            made_elsewhere = self.weights is not None or not self.trains
            return (torch.zeros(channels), torch.ones(channels)) if made_elsewhere else super().normalization(train)
        if len(self.mean) != channels or len(self.std) != channels or min(self.std) <= 0:
            raise self._error(
                f"mean {self.mean} and std {self.std} do not fit images of {channels} channels",
                "give one number per channel, each std above 0",
            )
        return torch.tensor(self.mean, dtype=torch.float32), torch.tensor(self.std, dtype=torch.float32)

    def weights_digest(self) -> str | None:
        """SHA-256 of the weights file, in hexadecimal; None where there is none."""
        file = None if self.weights is None else self._file(self.weights)
        return hashlib.sha256(file.read_bytes()).hexdigest() if file is not None and file.is_file() else None

    def identity(self) -> dict[str, Any]:
        """With what is in the weights file rather than where it lies, and the source that the function rests on."""
        identity, digest = super().identity(), self.weights_digest()
        for place in ("folder", "weights"):
            del identity["settings"][place]
        contents = {"weights": digest, CODE: module_digest(self._function().__module__)}
        return {**identity, "contents": contents}

    def _file(self, weights: str) -> Path:
        return Path(self.folder) / os.path.expanduser(weights)

    def _function(self) -> Callable[..., Any]:
        module_name, separator, attribute = self.factory.partition(":")
        if not separator or not module_name or not attribute:
            raise self._error("it is not of the form package.module:function", "write it as my_package.networks:make")
        try:
            module = self._imported(module_name)
        except (Exception, SystemExit) as error:
            raise self._error(
                f"module {module_name!r} does not import ({in_words(error)})",
                "install it, put it beside the suite, or add its folder to PYTHONPATH",
            ) from error
        function = getattr(module, attribute, None)
        if not callable(function):
            known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise self._error(f"module {module_name!r} has no function {attribute!r}", did_you_mean(attribute, known))
        return function

    def _imported(self, name: str) -> ModuleType:
        beside = Path(self.folder) / name.partition(".")[0]
        here = beside.is_dir() or beside.with_suffix(".py").is_file()
        if self.folder and here and self.folder not in sys.path:
            # Last, so that it hides no other module.
            sys.path.append(self.folder)
        return importlib.import_module(name)

    def _error(self, problem: str, remedy: str) -> UserError:
        return UserError(problem, where=f"classifier 'module', factory {self.factory!r}", remedy=remedy)
