"""Arrows point one way: what docs/architecture.md says of rooms and layers, held against every import."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from operator import attrgetter
from pathlib import Path

from tests.conftest import ROOT

ROOTS = ("attacks", "benchmark", "defenses", "detectors", "leaderboard")


def layers() -> list[tuple[str, ...]]:
    """The rooms of each layer, bottom to top, as the page's table has them."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.partition("| layer |")[2].partition("\n\n")[0]
    return [tuple(re.findall(r"`([\w.]+)`", line.split("|")[2])) for line in table.splitlines()[2:]]


# What `benchmark` offers its users of what is above it; none of the project's files may take it from there.
OFFERED_FROM_ABOVE = ("benchmark", "benchmark.one_call.evaluate")
RANK = {room: rank for rank, rooms in enumerate(layers()) for room in rooms}


@cache
def files() -> dict[str, Path]:
    """Every module of the project, by name."""
    found = [path.relative_to(ROOT) for root in ROOTS for path in (ROOT / root).rglob("*.py")]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in found}


def within(name: str, names: object) -> str:
    """The longest of `names` that a module is or lies in; empty where it lies in none."""
    while name and name not in names:  # type: ignore[operator]
        name = name.rpartition(".")[0]
    return name


def room(module: str) -> str:
    return within(module, RANK)


def named(module: str) -> Iterator[str]:
    """What a module imports, wherever the import stands, type checkers' included."""
    for node in ast.walk(ast.parse(files()[module].read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.]+:\w+", str(node.value)):
            # The table of commands.
            yield str(node.value).partition(":")[0]


@cache
def arrows() -> dict[str, set[str]]:
    """The project's modules that each of them imports."""
    found = {module: {within(name, files()) for name in named(module)} - {"", module} for module in files()}
    package, target = OFFERED_FROM_ABOVE
    found[package].remove(target)
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_module_lies_in_a_room_and_every_room_is_there() -> None:
    assert [module for module in files() if not room(module)] == []
    assert [name for name in RANK if name not in files()] == []


def test_no_import_goes_up_or_across() -> None:
    wrong = [
        f"{module} → {target}"
        for module, targets in arrows().items()
        for target in targets
        if room(module) != room(target) and RANK[room(module)] <= RANK[room(target)]
    ]
    assert wrong == []


def test_no_file_takes_from_the_package_what_is_above_it() -> None:
    package, target = OFFERED_FROM_ABOVE
    name = f"{package}.{target.rpartition('.')[2]}"
    assert [module for module in files() if name in named(module)] == []


def test_there_are_no_circles_of_files_or_rooms() -> None:
    assert circle(arrows()) == []
    rooms: dict[str, set[str]] = {name: set() for name in RANK}
    for module, targets in arrows().items():
        rooms[room(module)] |= {room(target) for target in targets} - {room(module)}
    assert circle(rooms) == []


def test_every_function_on_an_images_way_exists_and_is_named_once() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    way = re.findall(r"^ *([\w.]+):([\w.]+) ", page.partition("An image's way")[2].partition("\n## ")[0], re.MULTILINE)
    assert len(way) > 30
    assert len(way) == len(set(way))
    for module, name in way:
        assert callable(attrgetter(name)(importlib.import_module(module)))


def test_no_room_holds_a_third_of_the_house() -> None:
    lines = dict.fromkeys(RANK, 0)
    for module, path in files().items():
        lines[room(module)] += len(path.read_bytes().splitlines())
    largest = max(lines, key=lambda name: lines[name])
    assert lines[largest] <= 0.3 * sum(lines.values()), largest
