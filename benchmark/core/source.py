"""Which source code a result rests on, so that code that changed is never taken for a cached result."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from benchmark.core.facade import is_for_types, offered

_PROJECT = frozenset({"benchmark", "attacks", "defenses", "detectors"})
_IMPORTERS = frozenset({"import_module", "__import__"})


def code_digest(cls: type) -> str:
    """Hash of the source of every module in the class's ancestry and of all that these import of the same owner.

    Imports are followed wherever they stand, also inside functions. Of the project's modules those in the project are
    followed; of others, which are a user's, every file that is neither Python's own nor an installed library's, but
    those of the class's own top-level package wherever they are. Of a user's module also the files beside it that it
    names in a string, and the modules that it has loaded by a name made up as it ran.
    """
    names = sorted({c.__module__ for c in cls.__mro__ if c.__module__ != "builtins"})
    return _digest(tuple(names), cls.__module__.partition(".")[0])


def module_digest(name: str) -> str:
    """The same of one module; of a library's, that module alone."""
    top = name.partition(".")[0]
    return _digest((name,), "" if _of_a_library(top) else top)


@cache
def _digest(names: tuple[str, ...], package: str) -> str:
    files: set[Path] = set()
    for name in names:
        files |= _closure(name, package)
    digest = hashlib.sha256()
    for content in sorted(file.read_bytes() for file in files):
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]


def _closure(name: str, package: str) -> set[Path]:
    seen: set[str] = set()
    files: set[Path] = set()
    waiting = [name]
    while waiting:
        module = waiting.pop()
        file = None if module in seen else _file(module)
        seen.add(module)
        if file is None:
            continue
        files.add(file)
        top = module.partition(".")[0]
        if top in _PROJECT:
            waiting += [m for m in _imports(module, file) if m.partition(".")[0] in _PROJECT | {package}]
            continue
        files |= _named_files(file)
        found = [*_imports(module, file), *_loaded(module)]
        waiting += [m for m in found if (t := m.partition(".")[0]) in _PROJECT | {package} or not _of_a_library(t)]
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
    """Names that may be modules: `a.b` of `import a.b`, and `a` and `a.b` of `from a import b`, with their packages.

    Of what a package offers lazily (`benchmark/core/facade.py`) the module that it comes from. Imports for type
    checkers alone are left out, since no result can rest on them.
    """
    found: list[str] = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in _that_run(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found += names + [offer for name in names for offer in _offered(name).values()]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            named = [_offered(base).get(alias.name, f"{base}.{alias.name}") for alias in node.names]
            found += [base, *named] if base else []
        elif isinstance(node, ast.Call) and _called(node) in _IMPORTERS:
            texts = [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            found += [_absolute(text, package) for text in texts]
    packages = {name.rsplit(".", up)[0] for name in found for up in range(name.count(".") + 1)}
    return tuple(sorted(packages - {""}))


def _that_run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a module but those below `if TYPE_CHECKING:`."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.orelse if is_for_types(node) else ast.iter_child_nodes(node)


def _offered(package: str) -> dict[str, str]:
    """Where what one of the project's packages offers comes from; empty for any other module."""
    file = _file(package) if package.partition(".")[0] in _PROJECT else None
    return offered(file) if file is not None and file.name == "__init__.py" else {}


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _absolute(name: str, package: str) -> str:
    """The full name of a module as written in `package`; empty where there is none."""
    try:
        return importlib.util.resolve_name(name, package)
    except (ImportError, ValueError):
        return ""


def _loaded(name: str) -> list[str]:
    """The modules that a module holds, or that what it holds comes from."""
    values = list(vars(sys.modules[name]).values()) if name in sys.modules else []
    modules = [v.__name__ for v in values if isinstance(v, ModuleType)]
    return modules + [m for v in values if isinstance(m := getattr(v, "__module__", None), str)]


@cache
def _named_files(file: Path) -> set[Path]:
    """The files beside a source file, or below, that one of its strings names."""
    texts = {n.value for n in ast.walk(ast.parse(file.read_bytes())) if isinstance(n, ast.Constant)}
    return {found for text in texts if isinstance(text, str) for found in _beside(file, text)}


def _beside(file: Path, text: str) -> Iterator[Path]:
    # A file's name; anything longer is prose. Systems count bytes, and a letter may take four.
    if not 0 < len(text.encode(errors="replace")) <= 255 or not text.isprintable() or Path(text).is_absolute():
        return
    found = file.parent / text
    if found.is_file():
        yield found


@cache
def _of_a_library(package: str) -> bool:
    """Whether a top-level package is Python's own, or of an installed distribution."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return True
    if spec is None:
        return True
    places = [spec.origin] if spec.has_location and spec.origin else [*(spec.submodule_search_locations or ())]
    resolved = [Path(place).resolve() for place in places]
    return all(any(place.is_relative_to(folder) for folder in _library_folders()) for place in resolved)


@cache
def _library_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    named = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(path).resolve() for path in (*named, *site.getsitepackages(), site.getusersitepackages()))
