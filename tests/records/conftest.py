"""One finished run for all tests of the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.records.ended_calls import command
from tests.records.small_run import arguments, left


@dataclass(frozen=True)
class Whole:
    """A run that nobody interrupted.

    Attributes:
        folder: Where it is; not to be changed.
        left: What it left, as `small_run.left` reads it.
        calls: Those of its calls that changed its folder.
    """

    folder: Path
    left: dict[str, object]
    calls: list[str]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """The finished run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run = command(arguments(folder), folder)
    assert run.status == 0, run.output
    return Whole(folder, left(folder), run.calls)


@pytest.fixture
def copied(whole: Whole, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the finished run without the files or steps whose names begin so."""

    def copy(*lacking: str) -> Path:
        folder = tmp_path / "run"
        shutil.copytree(whole.folder, folder)
        for beginning in lacking:
            found = [
                path for path in (*folder.iterdir(), *(folder / "steps").iterdir()) if path.name.startswith(beginning)
            ]
            assert found
            for path in found:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return folder

    return copy
