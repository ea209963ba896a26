from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.core.batching import BatchSize
from benchmark.core.images import ImageData
from benchmark.core.progress import Progress
from benchmark.datasets.chest_phantom import ChestPhantom
from benchmark.engines.base import Tally
from benchmark.engines.local import LocalEngine
from benchmark.planning.plan import Cell, Plan
from benchmark.records.store import Store
from benchmark.steps.base import Step
from benchmark.steps.context import StepContext


@pytest.fixture(scope="session")
def drawn() -> ImageData:
    return ChestPhantom(size=28, count=120).load(root=None)


@pytest.fixture
def context(drawn: ImageData, tmp_path: Path) -> StepContext:
    return StepContext(
        data=drawn,
        store=Store(tmp_path / "run"),
        device=torch.device("cpu"),
        batch_size=BatchSize(8),
        progress=Progress(),
    )


@pytest.fixture
def ran(context: StepContext) -> Callable[..., Tally]:
    """Run steps in this order."""

    def run(*steps: Step, **options: Any) -> Tally:
        plan = Plan([Cell("robustness", step.label, "clean", "none", step) for step in steps])
        return LocalEngine(**options).run(plan, context)

    return run
