"""The contract of a classifier."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from benchmark.core.errors import UserError
from benchmark.core.images import LabeledImages
from benchmark.core.plugin import Plugin
from benchmark.models.training.pixel_statistics import pixel_statistics
from benchmark.models.training.reading import Reading
from benchmark.models.training.recipe import Recipe


class Classifier(Plugin):
    """A network architecture and how it is trained.

    A subclass implements `build`. Constructor settings that carry the name of a `Recipe` field (epochs, batch_size,
    learning_rate, …) override that field.

    Class attributes:
        rgb: The network always takes three channels; grayscale images are repeated to three.
        minimum_size: Smallest image height and width that the network takes.
        fixed_recipe: Recipe of the settings that the constructor does not offer.
    """

    kind = "classifier"
    rgb: bool = False
    minimum_size: ClassVar[int] = 1
    fixed_recipe: ClassVar[Recipe] = Recipe(epochs=100, schedule="plateau")

    @abstractmethod
    def build(self, *, channels: int, classes: int, size: tuple[int, int]) -> nn.Module:
        """The untrained network: normalised images [B, channels, *size] → raw logits [B, classes].

        It must not normalise its input (`DeployedClassifier` does) nor end in a softmax or sigmoid. A two-class
        network may give one logit, [B, 1]: the log-odds of class 1. Activations and head should be modules (nn.ReLU,
        nn.Linear), one per use and not in place, so that detectors can read them. It is built within a fork of the
        random state, so it may draw its weights as torch does by default.
        """
        raise NotImplementedError

    def initialize(self, network: nn.Module) -> None:
        """Load weights to start from into a network just built; nothing by default."""

    def hand_over(self, folder: Path) -> None:
        """Write into `folder` what `build` needs beside the settings in another process; nothing by default."""

    def take_over(self, folder: Path) -> None:
        """Read what `hand_over` wrote, in that process; nothing by default."""

    @property
    def trains(self) -> bool:
        """Whether the network is to be trained; False for weights that are used as they are."""
        return True

    def reading(self, network: nn.Module) -> Reading:
        """How the outputs of a network just built become logits; by default they are logits."""
        del network
        return Reading()

    def decision_threshold(self) -> float | None:
        """Probability from which a two-class network says class 1; None to choose it on validation images."""
        return None

    def normalization(self, train: LabeledImages) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation, each [C], that are taken off the pixels in [0, 1] before the network."""
        return pixel_statistics(train)

    def recipe(self) -> Recipe:
        """The training settings; raises UserError for values that make no sense."""
        values = {f.name: getattr(self, f.name, getattr(self.fixed_recipe, f.name)) for f in fields(Recipe)}
        recipe = Recipe(**values)
        recipe.check(where=f"classifier {self.name!r}")
        return recipe

    def check_settings(self) -> None:
        """Raise UserError where the training settings make no recipe."""
        self.recipe()

    def check_size(self, size: tuple[int, int]) -> None:
        """Raise UserError when images of `size` are too small for this network."""
        if min(size) < self.minimum_size:
            raise UserError(
                f"images of {size[0]}×{size[1]} are too small for it",
                where=f"classifier {self.name!r}",
                remedy=f"use images of {self.minimum_size}×{self.minimum_size} or more, or another classifier",
            )
