"""Medical image data sets: one plug-in a file, read from the user's data root."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.core.facade import lazily

if TYPE_CHECKING:
    from benchmark.datasets.base import DataMissingError, Dataset
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["DataMissingError", "Dataset"]
