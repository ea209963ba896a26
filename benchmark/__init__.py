"""medrobust: a benchmark harness for the adversarial robustness of medical-image models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core import moved
from benchmark.core.facade import lazily

__version__ = "0.1.0"

if TYPE_CHECKING:
    from benchmark.core.errors import UserError
    from benchmark.core.features import Features, recording
    from benchmark.core.frozen import frozen
    from benchmark.core.images import ImageData, LabeledImages
    from benchmark.core.noise import Noise
    from benchmark.core.settings import (
        AtOnce,
        Confidence,
        Count,
        Decay,
        Length,
        Memory,
        NotNegative,
        PixelLength,
        Positive,
        Rate,
        Seed,
        Share,
        Whole,
    )
    from benchmark.core.threat import Access, Epsilon, Norm
    from benchmark.one_call.evaluate import evaluate
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "Access",
    "AtOnce",
    "Confidence",
    "Count",
    "Decay",
    "Epsilon",
    "Features",
    "ImageData",
    "LabeledImages",
    "Length",
    "Memory",
    "Noise",
    "Norm",
    "NotNegative",
    "PixelLength",
    "Positive",
    "Rate",
    "Seed",
    "Share",
    "UserError",
    "Whole",
    "__version__",
    "evaluate",
    "frozen",
    "recording",
]

moved.install()
