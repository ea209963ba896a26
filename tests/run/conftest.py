from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

TINY = """
name = "tiny"
title = "A tiny grid"

[data]
name = "chest-phantom"
size = 28
count = 400

[classifier]
name = "small-cnn"
epochs = 2

[evaluation]
samples = 40
replicates = 2

[defense.none]
[defense.jpeg]

[robustness]
epsilon = "8/255"
probes = 4

[robustness.attack.fgsm]
[robustness.attack.pgd]
steps = 3
[robustness.attack.square]
queries = 5

[detection]
epsilon = "8/255"
[detection.attack.bim]
steps = 3
[detection.attack."bim+hfc"]
method = "bim"
objective = "hfc"
trained_on = "bim"
steps = 3

[detector.kd]
[detector.svm]
"""


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
