"""Detectors of adversarial images: one method a file; `base` holds the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from detectors.base import Detector, DetectorData, FeatureSet, Floats, Integers
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Detector", "DetectorData", "FeatureSet", "Floats", "Integers"]
