"""A drawn data set of three classes, for suites whose goal is one class."""

from __future__ import annotations

from pathlib import Path

from benchmark.core.images import ImageData
from benchmark.datasets.base import Dataset
from benchmark.datasets.reading.assemble import assemble
from benchmark.testing.problem import color


class ThreeWaves(Dataset):
    """Waves of three directions."""

    name = "three-waves"
    source = "a test"

    def load(self, *, root: Path | None, download: bool = True) -> ImageData:
        del root, download
        problem = color()
        return assemble(
            self,
            title="Waves",
            classes=("flat", "oblique", "steep"),
            train=problem.train,
            validation=problem.validation,
            evaluation=problem.evaluation,
            where="three-waves",
        )

    def where(self, *, root: Path) -> str:
        del root
        return "nothing"

    def locate(self, *, root: Path) -> Path:
        return root
