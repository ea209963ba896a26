"""A defended model as another process can build it: plug-ins by where their code lies, settings, and weights."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmark.core.defended import DefendedModel
from benchmark.core.discovery import import_plugin_file
from benchmark.core.errors import UserError
from benchmark.core.plugin import Plugin
from benchmark.models.base import Classifier
from defenses.base import Defense

_CLASSIFIER, _DEFENSE = "classifier.safetensors", "defense.safetensors"


@dataclass(frozen=True)
class Defendant:
    """Everything that a defended model is made of.

    Attributes:
        classifier, classifier_settings, classifier_weights: The classifier's plug-in, its settings as they were planned
            (an instance may have changed its own since) and what it learned.
        defense, defense_settings, defense_weights: The same of the defense.
        shape: (channels, height, width) of the images.
        classes: Number of classes.
    """

    classifier: Classifier
    classifier_settings: dict[str, Any]
    classifier_weights: dict[str, Tensor]
    defense: Defense
    defense_settings: dict[str, Any]
    defense_weights: dict[str, Tensor]
    shape: tuple[int, int, int]
    classes: int

    def write(self, folder: Path) -> dict[str, Any]:
        """Save the weights in `folder`; what else `build` needs comes back, as JSON.

        Raises:
            UserError: A plug-in is defined where another process cannot import it, or has settings that are not JSON.
        """
        save_file(_apart(self.classifier_weights), folder / _CLASSIFIER)
        save_file(_apart(self.defense_weights), folder / _DEFENSE)
        self.classifier.hand_over(folder)
        return {
            "classifier": _reference(self.classifier, self.classifier_settings),
            "defense": _reference(self.defense, self.defense_settings),
            "shape": list(self.shape),
            "classes": self.classes,
        }


def build(description: dict[str, Any], folder: Path, device: torch.device) -> DefendedModel:
    """The defended model that `Defendant.write` described, on `device`."""
    from benchmark.models.training.classifier import assemble

    channels, height, width = description["shape"]
    architecture = cast(Classifier, _plugin(description["classifier"]))
    architecture.take_over(folder)
    classifier = assemble(architecture, shape=(channels, height, width), classes=description["classes"])
    classifier.load_state_dict(load_file(folder / _CLASSIFIER))
    defense = cast(Defense, _plugin(description["defense"]))
    defense.weights_ = load_file(folder / _DEFENSE)
    return defense.defend(classifier.to(device).eval()).to(device)


def _reference(plugin: Plugin, settings: dict[str, Any]) -> dict[str, Any]:
    cls = type(plugin)
    where = f"{plugin.kind} {plugin.name!r}"
    if "<locals>" in cls.__qualname__:
        raise UserError(
            "it is defined inside a function, where the process that gives the verdicts cannot find it",
            where=where,
            remedy="define the class at the top of a module",
        )
    try:
        if json.loads(json.dumps(settings)) != settings:
            raise TypeError
    except (TypeError, ValueError) as error:
        raise UserError(
            "its settings cannot be written down, so the process that gives the verdicts cannot build it",
            where=where,
            remedy="use numbers, texts, lists and tables as settings",
        ) from error
    try:
        file = inspect.getsourcefile(cls)
    except TypeError:
        file = None
    return {"module": cls.__module__, "class": cls.__qualname__, "file": file, "settings": settings}


def _plugin(reference: dict[str, Any]) -> Plugin:
    file = reference["file"]
    try:
        module = importlib.import_module(reference["module"])
    except ModuleNotFoundError:
        if file is None:
            raise
        module = importlib.import_module(import_plugin_file(Path(file)))
    cls = functools.reduce(getattr, reference["class"].split("."), cast(Any, module))
    return cast(Plugin, cls(**reference["settings"]))


def _apart(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as the file format wants them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
