"""What a package offers under its own name, imported when it is first asked for: `from attacks import Attack`.

A package writes its imports down below `if TYPE_CHECKING:`, where type checkers read them, and this file reads them
there too. So a name is written once, and importing the package loads nothing.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeGuard


@cache
def offered(file: Path) -> dict[str, str]:
    """The module of each name that an `__init__.py` imports for type checkers."""
    return {
        alias.asname or alias.name: node.module
        for block in ast.parse(file.read_bytes()).body
        if is_for_types(block)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether a statement is `if TYPE_CHECKING:`, whose body never runs."""
    if not isinstance(node, ast.If):
        return False
    return getattr(node.test, "attr", getattr(node.test, "id", "")) == "TYPE_CHECKING"


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The package's `__getattr__` and `__dir__`."""
    module = sys.modules[package]
    assert module.__file__ is not None
    file = Path(module.__file__)

    def get(name: str) -> Any:
        # Python itself asks for names like __path__ before anything is to be read.
        if name.startswith("__") or name not in offered(file):
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=module)
        value = getattr(importlib.import_module(offered(file)[name]), name)
        setattr(module, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(module), *offered(file)})

    return get, names
