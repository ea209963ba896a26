"""A user's own network, named as `package.module:function`."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval, MinLen
from torch import Tensor, nn

from benchmark.core.allowed import Free
from benchmark.core.errors import UserError, did_you_mean, in_words
from benchmark.core.images import LabeledImages
from benchmark.core.settings import BatchRows, Count, Decay, Rate, Shift
from benchmark.core.source import module_digest
from benchmark.models.base import Classifier
from benchmark.models.training.weights import load_into


class Module(Classifier):
    """Any network that a function returns; trained here, or used as it is with weights of its own.

    The function is called with those of the keyword arguments channels, classes and size that it names, and returns
    a network that gives logits. With `weights` (safetensors) nothing is trained: only the operating threshold is
    chosen, on validation data, and the network gets pixels in [0, 1] unless `mean` and `std` are set. Without, it is
    trained, and the normalisation is that of the training pixels unless they are set.

    Args:
        factory: "package.module:function".
        weights: A safetensors file, or none to train.
        rgb: The network takes three channels; grayscale images are repeated to three.
        mean, std: One number per image channel.
        epochs, batch_size, optimizer, learning_rate, weight_decay, shift: As in `Recipe`.
    """

    name = "module"
    source = "the user's own"

    def __init__(
        self,
        *,
        factory: Annotated[str, Free("a function of an importable module")],
        weights: Annotated[str, Free("a safetensors file")] | None = None,
        rgb: bool = False,
        mean: Annotated[list[Annotated[float, Interval(ge=-1000, le=1000)]], MinLen(1)] | None = None,
        std: Annotated[list[Annotated[float, Interval(ge=1e-6, le=1000)]], MinLen(1)] | None = None,
        epochs: Count = 10,
        batch_size: BatchRows = 64,
        optimizer: Literal["adam", "sgd"] = "adam",
        learning_rate: Rate = 1e-3,
        weight_decay: Decay = 1e-4,
        shift: Shift = 1,
    ) -> None:
        self.factory = factory
        self.weights = weights
        self.rgb = rgb
        self.mean = mean
        self.std = std
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.shift = shift

    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        """Call the factory; raises UserError when there is none, it fails, or it does not return a network."""
        function = self._function()
        offered: dict[str, Any] = {"channels": channels, "classes": classes, "size": size}
        try:
            parameters = inspect.signature(function).parameters.values()
            takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
            named = {p.name for p in parameters}
            network = function(**{key: value for key, value in offered.items() if takes_all or key in named})
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
            load_into(network, Path(self.weights))

    @property
    def trains(self) -> bool:
        """Only without weights."""
        return self.weights is None

    def check_settings(self) -> None:
        super().check_settings()
        if (self.mean is None) != (self.std is None):
            raise self._error("one of mean and std is set without the other", "set both or neither")
        if self.weights is not None and not Path(self.weights).is_file():
            raise UserError("no such weights file", where=self.weights, remedy="check the path")

    def normalization(self, train: LabeledImages) -> tuple[Tensor, Tensor]:
        """`mean` and `std` where set; raises UserError when they do not fit the channels."""
        channels = train.shape[0]
        if (self.mean is None) != (self.std is None):
            raise self._error("one of mean and std is set without the other", "set both or neither")
        if self.mean is None or self.std is None:
            return (torch.zeros(channels), torch.ones(channels)) if self.weights else super().normalization(train)
        if len(self.mean) != channels or len(self.std) != channels or min(self.std) <= 0:
            raise self._error(
                f"mean {self.mean} and std {self.std} do not fit images of {channels} channels",
                "give one number per channel, each std above 0",
            )
        return torch.tensor(self.mean, dtype=torch.float32), torch.tensor(self.std, dtype=torch.float32)

    def network_digest(self) -> str:
        """Of the module that the function lies in."""
        return module_digest(self._function().__module__)

    def identity(self) -> dict[str, Any]:
        """Also what is in the weights file, and in the source that the function rests on."""
        found = self.weights is not None and Path(self.weights).is_file()
        contents = {
            "weights": hashlib.sha256(Path(str(self.weights)).read_bytes()).hexdigest()[:16] if found else None,
            "factory": self.network_digest(),
        }
        return {**super().identity(), "contents": contents}

    def _function(self) -> Callable[..., Any]:
        module_name, separator, attribute = self.factory.partition(":")
        if not separator or not module_name or not attribute:
            raise self._error("it is not of the form package.module:function", "write it as my_package.networks:make")
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:
            raise self._error(
                f"module {module_name!r} does not import ({in_words(error)})",
                "install it, or add its folder to PYTHONPATH",
            ) from error
        function = getattr(module, attribute, None)
        if not callable(function):
            known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise self._error(f"module {module_name!r} has no function {attribute!r}", did_you_mean(attribute, known))
        return function

    def _error(self, problem: str, remedy: str) -> UserError:
        return UserError(problem, where=f"classifier 'module', factory {self.factory!r}", remedy=remedy)
