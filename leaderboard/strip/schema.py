"""What a strip of images holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""[C, H, W] in [0, 1]."""


@dataclass(frozen=True)
class Answer:
    """What the deployed model said of an image.

    Attributes:
        said: The class.
        probability: That it gives it.
        right: Whether that is the image's class.
    """

    said: str
    probability: float
    right: bool


@dataclass(frozen=True)
class ShownImage:
    """One image under one attack.

    Attributes:
        clean, adversarial: Before the attack and as submitted.
        purified: The submitted image as the classifier saw it, rounded to 8 bit; None where nothing is known of it.
        before, after: What was said of the two.
    """

    clean: Pixels
    adversarial: Pixels
    purified: Pixels | None
    before: Answer
    after: Answer


@dataclass(frozen=True)
class AttackStrip:
    """A few images of a row under its strongest attack.

    Attributes:
        defense, attack: Labels.
        bound: The perturbation used.
        images: At least one.
    """

    defense: str
    attack: str
    bound: str
    images: tuple[ShownImage, ...]

    @property
    def factor(self) -> int:
        """By how much differences are amplified, so that the largest of all just fits around grey; at least 1."""
        largest = max(float(np.abs(image.adversarial - image.clean).max()) for image in self.images)
        # Pixels are floats, so that 0.5 / 0.025 may come out a hair below 20.
        return max(1, int(0.5 / largest + 1e-3)) if largest > 0 else 1
