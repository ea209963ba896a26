"""The project's own plug-ins as their files say, so that `list` need not import them, nor torch."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmark.core.discovery import PACKAGES

_ROOT = Path(__file__).parents[2]


class Listed(NamedTuple):
    """What a line of `list` says of a plug-in."""

    kind: str
    name: str
    summary: str


def own_plugins(kind: str) -> list[Listed]:
    """The plug-ins of a kind that the project has, by name in alphabetical order: the classes that set `name`."""
    folder = _ROOT.joinpath(*PACKAGES[kind].split("."))
    trees = [ast.parse(file.read_bytes()) for file in folder.glob("*.py")]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return sorted(Listed(kind, name, _summary(node)) for node in classes for name in _names(node))


def _names(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            targets = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if "name" in targets and statement.value.value:
                yield str(statement.value.value)


def _summary(node: ast.ClassDef) -> str:
    return inspect.cleandoc(ast.get_docstring(node) or "").split("\n", 1)[0]
