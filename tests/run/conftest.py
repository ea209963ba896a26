from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.tiny import TINY


@pytest.fixture(scope="session")
def plugins() -> None:
    from benchmark.core.discovery import load_plugins

    load_plugins()


@pytest.fixture
def suite_file(tmp_path: Path, plugins: None) -> Callable[..., Path]:
    """Write the tiny suite, with replacements and additions, to a file."""

    def write(added: str = "", **replaced: str) -> Path:
        text = TINY
        for old, new in replaced.items():
            text = text.replace(old, new)
        path = tmp_path / "tiny.toml"
        path.write_text(text + textwrap.dedent(added), encoding="utf-8")
        return path

    return write
