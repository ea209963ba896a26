"""Which source code a result rests on, so that code that changed is never taken for a cached result."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path

_PROJECT = ("benchmark", "attacks", "defenses", "detectors")


def code_digest(cls: type) -> str:
    """Hash of the source of every module in the class's ancestry and of all project modules these import.

    Imports are followed wherever they stand, also inside functions. Modules of other distributions are left out (the
    manifest records their versions), except those in the class's own top-level package.
    """
    names = sorted({c.__module__ for c in cls.__mro__ if c.__module__ != "builtins"})
    return _digest(tuple(names), frozenset({*_PROJECT, cls.__module__.partition(".")[0]}))


@cache
def _digest(names: tuple[str, ...], packages: frozenset[str]) -> str:
    files: set[Path] = set()
    for name in names:
        files |= _closure(name, packages)
    digest = hashlib.sha256()
    for content in sorted(file.read_bytes() for file in files):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def _closure(name: str, packages: frozenset[str]) -> set[Path]:
    seen: set[str] = set()
    files: set[Path] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        file = _file(module)
        if file is not None:
            files.add(file)
            waiting += [m for m in _imports(module, file) if m.partition(".")[0] in packages]
    return files


@cache
def _file(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    try:
        origin = loaded.__file__ if loaded is not None else getattr(importlib.util.find_spec(module), "origin", None)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(origin) if origin and origin.endswith(".py") else None


@cache
def _imports(module: str, file: Path) -> tuple[str, ...]:
    """Names that may be modules: `a.b` of `import a.b`, and `a` and `a.b` of `from a import b`."""
    found: list[str] = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            found += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(found)
