"""Finding plug-ins: the project's own, installed packages', and files or modules named on the command line."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from benchmark.core.errors import UserError
from benchmark.core.plugin import KINDS, SUBCLASS, registered

ENTRY_POINT_GROUP = "medrobust.plugins"
PACKAGES = {
    "attack": "attacks",
    "objective": "attacks.objectives",
    "gradient": "attacks.gradients",
    "defense": "defenses",
    "detector": "detectors",
    "dataset": "benchmark.datasets",
    "classifier": "benchmark.models",
    "study": "benchmark.studies",
}
"""Where the project's own plug-ins of each kind are: one module each, or a few classes to a module."""


def load_plugins(extra: Iterable[str] = (), *, kinds: Iterable[str] = tuple(PACKAGES)) -> None:
    """Import every plug-in: the project's packages, the entry-point group, then `extra` files or modules.

    Raises:
        UserError: A file or module in `extra`, an installed package, or a library that they need does not import.
    """
    for kind in kinds:
        _load_package(PACKAGES[kind])
    for entry in of_other_packages():
        _load_entry_point(entry)
    for reference in extra:
        _load_reference(reference)


def of_other_packages() -> list[EntryPoint]:
    """The plug-ins of installed packages, not imported yet."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: (e.name, e.value))


def _load_package(name: str) -> None:
    try:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{name}."):
            importlib.import_module(module.name)
    except ImportError as error:
        raise UserError(
            f"a library does not import ({error})", where=name, remedy="see what `python -m benchmark doctor` says"
        ) from error


def _load_entry_point(entry: EntryPoint) -> None:
    package = f"of {entry.dist.name} " if entry.dist is not None else ""
    try:
        entry.load()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        where = f"entry point {entry.name!r} {package}({entry.value})"
        raise UserError(_because(error), where=where, remedy="fix or uninstall the package") from error


def _load_reference(reference: str) -> None:
    before = _all_registered()
    try:
        name = import_plugin_file(Path(reference)) if _is_file(reference) else _import_module(reference)
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        remedy = "fix the plug-in and try again"
        raise UserError(_because(error), where=f"--plugin {reference}", remedy=remedy) from error
    now = _all_registered()
    if now == before and not any(c.__module__ == name or c.__module__.startswith(f"{name}.") for c in now):
        raise UserError(
            "it defines no plug-in",
            where=f"--plugin {reference}",
            remedy=f"{SUBCLASS}, and set `name`",
        )


def _is_file(reference: str) -> bool:
    separators = [s for s in (os.sep, os.altsep) if s]
    return reference.endswith(".py") or Path(reference).is_file() or any(s in reference for s in separators)


def import_plugin_file(path: Path) -> str:
    """Run the file as a module, unless it already is one, and give the module's name."""
    if not path.is_file():
        raise UserError("no such plug-in file", where=str(path), remedy="give a .py file or the name of a module")
    path = path.resolve()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and os.path.basename(file) == path.name and Path(file).resolve() == path:
            return module.__name__
    # The path is part of the name, so that two files that share a name do not share a module.
    name = f"medrobust_plugin_{path.stem}_{hashlib.blake2b(str(path).encode(), digest_size=6).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError("not a Python file", where=str(path), remedy="give a .py file")
    module = importlib.util.module_from_spec(spec)
    # Before it runs, because classes look their own module up (dataclasses do).
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return name


def _import_module(name: str) -> str:
    # The installed command, unlike `python -m`, does not look for modules in the current folder.
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.append(os.getcwd())
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UserError(
            "no such plug-in file or module", where=f"--plugin {name}", remedy="give a .py file or install the module"
        ) from error
    return name


def _all_registered() -> set[type]:
    return {plugin for kind in KINDS for plugin in registered(kind).values()}


def _because(error: BaseException) -> str:
    message = f"the plug-in does not import ({type(error).__name__}: {error})"
    frames = traceback.extract_tb(error.__traceback__)
    # The innermost frames may be a library's; the import machinery's are never of interest.
    own = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    return f"{message}, at {own[0].filename}:{own[0].lineno}" if own else message
