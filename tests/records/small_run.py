"""A run of seconds that has every table and both figures, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

from benchmark.records.inspection import run_faults
from benchmark.records.store import Store

SUITE = """
name = "small"
title = "A small run of everything"

[data]
name = "chest-phantom"
size = 28
count = 100

[classifier]
name = "small-cnn"
epochs = 1

[evaluation]
samples = 20
replicates = 1

[defense.none]

[robustness]
epsilon = "8/255"
probes = 0
[robustness.attack.pgd]
steps = 2

[detection]
epsilon = "8/255"
[detection.attack.bim]
steps = 1
[detector.kd]

[transfer]
epsilon = "16/255"
[transfer.attack]
steps = 1
[transfer.classifier.reseeded]
name = "small-cnn"
epochs = 1
seed = 1
"""


def arguments(folder: Path) -> list[str]:
    """Of the command that makes it; the suite is written beside the folder."""
    suite = folder.with_name("small.toml")
    suite.write_text(SUITE, encoding="utf-8")
    return ["run", "--suite", str(suite), "--out", str(folder)]


def left(folder: Path) -> dict[str, object]:
    """All that a finished run left which is a function of its suite: published files, and what the steps computed.

    Raises:
        AssertionError: A file is not what was written, or was left over.
    """
    assert run_faults(folder) == []
    store = Store(folder)
    published = store.manifest().published or {}
    found = {name: (folder / name).read_bytes() for name in published}
    known = {"manifest.json", "steps", "figures", "leaderboard", *published}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name.startswith("steps/") and path.is_file():
            found[name] = _timeless(path) if path.name == "record.json" else path.read_bytes()
        elif path.is_file() or path.parent == folder:
            assert name in known, f"{name} was left over"
    assert store.manifest().status == "done"
    return dict(found)


def _timeless(path: Path) -> bytes:
    record = json.loads(path.read_bytes())
    return json.dumps({key: record[key] for key in record if key not in ("seconds", "finished", "sha256")}).encode()
