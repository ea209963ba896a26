"""Hostile text wherever a suite, a data set, a plug-in or a file name may have text: no byte of it gets through raw.

All that commands print and every text file of the run folder is looked at, so that any way around
`benchmark.core.harmless` shows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmark.__main__ import main
from benchmark.core.harmless import harmless
from benchmark.records.run_record import RunRecord
from benchmark.records.store import Store
from leaderboard.publish import publish

OWNED = "\x1b]0;owned\x07\x9b2J\r\u202e\u2028\x85"
SEEN = "# forged | <b> =1+1"
"""All that a title in a suite may hold of it; a label may hold less."""

HOSTILE = f"{OWNED}\n{SEEN}"

PLUGINS = '''
from dataclasses import replace

from benchmark.datasets.chest_phantom import ChestPhantom
from defenses.none import NoDefense
from attacks.fgsm import FGSM
from detectors.kd import KernelDensity

HOSTILE = {hostile!r}


class Woe(Exception):
    pass


Woe.__name__ = HOSTILE


class Data(ChestPhantom):
    """{hostile}"""

    name, source = "hostile-data", HOSTILE

    def load(self, *, root, download=True):
        data = super().load(root=root)
        return replace(data, title=HOSTILE, notes=(HOSTILE,), classes=(HOSTILE, HOSTILE + "b"))

    def where(self, *, root):
        return HOSTILE


class Sound(NoDefense):
    """{hostile}"""

    name, source = "hostile-sound", HOSTILE

    def __init__(self, *, word: str = HOSTILE):
        self.word = word


class Raising(Sound):
    """{hostile}"""

    name = "hostile-raising"

    def fit(self, *arguments, **named):
        raise Woe(HOSTILE)


class Strike(FGSM):
    """{hostile}"""

    name, source = "hostile-fgsm", HOSTILE

    def budget(self):
        return HOSTILE


class Miss(FGSM):
    """{hostile}"""

    name = "hostile-miss"

    def run(self, *arguments):
        raise Woe(HOSTILE)


class Detector(KernelDensity):
    """{hostile}"""

    name, source = "hostile-kd", HOSTILE

    def score(self, features):
        raise Woe(HOSTILE)
'''

SUITE = f"""
name = "hostile"
title = "T {SEEN}"

[data]
name = "hostile-data"
count = 200

[classifier]
name = "small-cnn"
epochs = 1
width = 4

[evaluation]
samples = 24
replicates = 2

[defense."hostile-sound"]
[defense."a =1+1"]
method = "hostile-sound"
[defense."hostile-raising"]

[robustness]
epsilon = "8/255"
probes = 2

[robustness.attack."p =1+1"]
method = "pgd"
steps = 2
[robustness.attack."hostile-fgsm"]
[robustness.attack."hostile-miss"]

[detection]
epsilon = "8/255"
defenses = ["hostile-sound"]
[detection.attack."bim"]
steps = 2
[detector."k =1+1"]
method = "hostile-kd"
[detector.kd]

[transfer]
epsilon = "8/255"
defenses = ["hostile-sound"]
[transfer.attack]
steps = 2
[transfer.classifier."c =1+1"]
name = "small-cnn"
epochs = 1
width = 3
"""


class Hostile(NamedTuple):
    folder: Path
    suite: Path
    plugin: Path
    out: Path

    @property
    def run(self) -> list[str]:
        return ["run", "--suite", str(self.suite), "--plugin", str(self.plugin), "--out", str(self.out)]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    folder = tmp_path_factory.mktemp("hostile") / HOSTILE.replace("/", "")
    folder.mkdir()
    made = Hostile(folder, folder / "suite.toml", folder / "plugins.py", folder / "out")
    made.suite.write_text(SUITE, encoding="utf-8")
    made.plugin.write_text(PLUGINS.format(hostile=HOSTILE.replace("\\", "\\\\")), encoding="utf-8", newline="")
    return made


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every text of a JSON document."""
    if isinstance(value, str):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, (*path, key))


def assert_no_controls(shown: str) -> None:
    assert harmless(shown) == shown, [repr(part) for part in shown.split("\n") if harmless(part) != part][:3]


def assert_harmless(shown: str) -> None:
    assert_no_controls(shown)
    # Four spaces further in, where `describe` and `data` show values of several lines, nothing passes for our own.
    assert not re.search(r"^ {0,3}# forged", shown, re.MULTILINE)


def text_files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.suffix in (".json", ".md", ".csv", ".toml", ".txt", ".log")]
    assert {"manifest.json", "leaderboard.md", "rows.csv", "survival.csv"} <= {path.name for path in found}
    return found


@pytest.fixture(scope="module")
def finished(hostile: Hostile, registry_module: None) -> Hostile:
    assert main(hostile.run) == 1, "two plug-ins raise"
    return hostile


@pytest.fixture(scope="module")
def registry_module() -> Iterator[None]:
    from benchmark.core import plugin
    from benchmark.core.discovery import load_plugins

    load_plugins()
    before, modules = {kind: dict(found) for kind, found in plugin._registry.items()}, set(sys.modules)
    yield
    plugin._registry.clear()
    plugin._registry.update(before)
    for name in set(sys.modules) - modules:
        if name.startswith("medrobust_plugin_"):
            del sys.modules[name]


def test_nothing_that_a_run_prints_or_writes_is_raw(
    hostile: Hostile, registry_module: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(hostile.run) == 1
    printed = capfd.readouterr()
    assert printed.out.count(r"\x1b]0;owned") >= 5
    assert printed.err.count(r"\x1b]0;owned") >= 5
    assert_harmless(printed.out)
    assert_harmless(printed.err)
    for path in text_files(hostile.out):
        assert_harmless(path.read_bytes().decode("utf-8"))
    board = "".join(path.read_text("utf-8") for path in sorted(hostile.out.rglob("*.md")))
    assert board.count(r"\\x1b\]0;owned") + board.count(r"\\x1b]0;owned") >= 20
    assert "<b>" not in board.replace(r"\<b", "")
    for name in ("rows.csv", "survival.csv"):
        cells = (hostile.out / name).read_text("utf-8").replace("\n", ",").split(",")
        assert not [cell for cell in cells if cell.strip('"').lstrip().startswith(("=", "@"))]


@pytest.mark.parametrize(
    "command",
    [
        ["leaderboard", "show", "--run"],
        ["leaderboard", "markdown", "--run"],
        ["leaderboard", "attacks", "--run"],
        ["list", "--plugin"],
        ["list", "--json", "--plugin"],
        ["data", "where", "--plugin"],
        ["data", "check", "--data-root", ".", "--plugin"],
        *(["describe", name, "--plugin"] for name in ("hostile-data", "hostile-sound", "hostile-fgsm", "hostile-kd")),
        ["run", "--dry-run", "--suite", "SUITE", "--plugin"],
    ],
)
def test_nothing_that_a_command_prints_is_raw(
    finished: Hostile, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    last = finished.out if command[-1] == "--run" else finished.plugin
    main([str(finished.suite) if word == "SUITE" else word for word in (*command, str(last))])
    printed = capfd.readouterr()
    assert re.search(r"\\(x|u00)1b\]0;owned|=1\+1", printed.out)
    assert_harmless(printed.out + printed.err)


@pytest.mark.parametrize(
    "command",
    [
        [HOSTILE],
        ["run", "--suite", HOSTILE],
        ["run", "--suite", "attacks", "--profile", HOSTILE],
        ["run", "--suite", "attacks", "--data", HOSTILE],
        ["run", "--suite", "attacks", "--device", HOSTILE],
        ["run", "--suite", "attacks", "--data", "chest-phantom", "--batch-size", HOSTILE],
        ["run", "--suite", "attacks", "--data", "chest-phantom", "--attack", HOSTILE],
        ["run", "--suite", "attacks", "--plugin", HOSTILE],
        ["run", "--suite", "attacks", "--data", "chest-phantom", "--limit", HOSTILE],
        ["run", "--suite", "attacks", f"--{HOSTILE}"],
        [f"--{HOSTILE}", "run"],
        ["describe", HOSTILE],
        ["list", HOSTILE],
        ["new", HOSTILE, HOSTILE],
        ["new", "attack", "mine", "--out", f"/dev/null/{HOSTILE}"],
        ["data", HOSTILE],
        ["leaderboard", "show", "--run", HOSTILE],
        ["leaderboard", "show", HOSTILE],
        ["list", "--plugin", os.fsdecode(b"\xff\xfe.py")],
        ["run", "--suite", os.fsdecode(b"\xff\xfe.toml")],
        ["run", "--suite", "attacks", "--data", "chest-phantom", "--out", os.fsdecode(b"/tmp/\xff\xfe")],
    ],
)
def test_no_argument_comes_back_raw(command: list[str], registry: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert_harmless(printed.err)


STRUCTURE = ("key", "status", "table", "norm", "access", "goal", "kind", "profile", "serves")
"""What a manifest cannot be read without."""


def hostile_everywhere(value: Any, labels: set[str]) -> Any:
    """A JSON document with hostile text instead of its own, and labels that are hostile and still told apart."""
    if isinstance(value, dict):
        return {
            f"{key}{HOSTILE}" if key in labels else key: inner
            if key in STRUCTURE
            else hostile_everywhere(inner, labels)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [hostile_everywhere(inner, labels) for inner in value]
    if isinstance(value, str):
        return f"{value}{HOSTILE}" if value in labels else HOSTILE
    return value


def test_no_text_of_a_run_folder_is_shown_raw(finished: Hostile, tmp_path: Path, capfd: Any) -> None:
    """The manifest of a folder that somebody handed on, hostile wherever it has text."""
    folder = shutil.copytree(finished.out, tmp_path / "out")
    document = Store(folder).manifest().model_dump(mode="json")
    labels = {cell[name] for cell in document["cells"] for name in ("defense", "attack", "detector")}
    # Names with a meaning of their own.
    labels -= {"clean", "none", ""}
    document["data"] = hostile_everywhere(document["data"], set())
    for name in ("cells", "defenses"):
        document[name] = hostile_everywhere(document[name], labels)
    for cell in document["cells"]:
        cell.update({name: "" if cell[name] == HOSTILE else cell[name] for name in ("attack", "detector")})
        if cell["threat"] is not None:
            cell["threat"]["detector"] = "none"
    for name in ("title", "name"):
        document["suite"][name] = HOSTILE
    Store(folder).write_manifest(RunRecord.model_validate_json(json.dumps(document)))
    publish(Store(folder))
    for command in ("attacks", "markdown", "show"):
        assert main(["leaderboard", command, "--run", str(folder)]) == 0
        printed = capfd.readouterr()
        # rich breaks long lines, as a terminal does, so there any word may begin one.
        (assert_no_controls if command == "show" else assert_harmless)(printed.out + printed.err)
    for name in ("leaderboard.md", "rows.csv", "survival.csv"):
        assert_harmless((folder / name).read_bytes().decode("utf-8"))
