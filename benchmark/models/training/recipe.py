"""How a classifier is trained: the numbers, and the learning rate they make."""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmark.core.errors import UserError, did_you_mean

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "cosine", "plateau", "steps")
FALL = 0.2
"""What is left of the learning rate where validation has stood still for `patience` epochs."""
FALLS = 2
"""How often it falls before the next standstill ends the training."""
STANDSTILL = 150
"""Steps that a standstill lasts at least: over the few of some short epochs a validation figure moves by chance."""


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run.

    Attributes:
        epochs: Passes over the training images; with "plateau" the most of them.
        batch_size: Images per step, or a few more: batches are evened out, so that none is smaller.
        optimizer: "adam" (with decoupled weight decay) or "sgd" (momentum 0.9, Nesterov).
        learning_rate: Its highest value.
        weight_decay: Strength of weight decay.
        schedule: "constant"; "cosine" (down to zero); "steps" (a tenth at one half, a hundredth at three quarters);
            "plateau" (see `patience`).
        patience: With "plateau": after so many epochs, and at least 150 steps, without a better validation figure the
            best weights come back and the learning rate falls to a fifth, and at the third time training ends.
        warm_up: Share of the training during which the learning rate rises linearly to its highest value; with
            "plateau" that is the first epoch.
        shift: Augmentation: each image is moved by up to so many pixels in each direction, its border repeated.
        flip: Augmentation: mirror left and right at random. Off by default: a mirrored chest has its heart on the
            wrong side.
    """

    epochs: int = 10
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    schedule: str = "cosine"
    patience: int = 5
    warm_up: float = 0.1
    shift: int = 1
    flip: bool = False

    def check(self, *, where: str) -> None:
        """Raise UserError, naming the setting, when a value makes no sense."""
        for key, choices in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            value = getattr(self, key)
            if value not in choices:
                raise UserError(
                    f"{key} {value!r} is unknown", where=where, remedy=did_you_mean(str(value), list(choices))
                )
        for key, lowest in (("epochs", 1), ("batch_size", 2), ("patience", 1), ("shift", 0)):
            value = getattr(self, key)
            if not isinstance(value, int) or value < lowest:
                raise UserError(f"{key} is {value!r}", where=where, remedy=f"give a whole number of {lowest} or more")
        for key, highest in (("learning_rate", math.inf), ("weight_decay", math.inf), ("warm_up", 1)):
            value = getattr(self, key)
            if not isinstance(value, (int, float)) or not 0 <= value <= highest or not math.isfinite(value):
                raise UserError(f"{key} is {value!r}", where=where, remedy=f"give a number from 0 to {highest}")

    def learning_rate_at(self, progress: float) -> float:
        """The learning rate when the share `progress` in [0, 1) of the steps is done, before any fall of "plateau"."""
        warm_up = 1 / self.epochs if self.schedule == "plateau" else self.warm_up
        if progress < warm_up:
            # Half a hundredth above zero, so that the first step already learns.
            return self.learning_rate * (0.01 + 0.99 * progress / warm_up)
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warm_up) / (1 - self.warm_up)))
        if self.schedule == "steps":
            return self.learning_rate * (1.0 if progress < 0.5 else 0.1 if progress < 0.75 else 0.01)
        return self.learning_rate
