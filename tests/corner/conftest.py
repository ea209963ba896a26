from __future__ import annotations

from pathlib import Path

import pytest

from tests.corner.harness import DETECTION, Finished, begin, beside_none, run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """A run without any control: its folder, whose classifier the others take, and what it says."""
    folder = tmp_path_factory.mktemp("alone")
    tables = {"defense": {"none": {"probes": 0}}, "detector": {"kd": {}}}
    return folder, run(folder, robustness=beside_none("none", {}), detection=DETECTION, **tables)


@pytest.fixture
def folder(tmp_path: Path, trained: tuple[Path, Finished]) -> Path:
    """A run folder with the trained classifier in it."""
    return begin(tmp_path, trained[0])


@pytest.fixture
def alone(trained: tuple[Path, Finished]) -> Finished:
    """The run without any control."""
    return trained[1]
