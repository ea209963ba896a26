"""Finding plug-ins: the project's own, installed packages', and files named on the command line."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

from benchmark.errors import UserError

ENTRY_POINT_GROUP = "medrobust.plugins"
_PACKAGES = {
    "attack": "attacks",
    "defense": "defenses",
    "detector": "detectors",
    "dataset": "benchmark.datasets",
    "classifier": "benchmark.models",
}


def load_plugins(extra: Iterable[str] = (), *, kinds: Iterable[str] = tuple(_PACKAGES)) -> None:
    """Import every plug-in: the project's packages, the entry-point group, then `extra` files or modules.

    Raises:
        UserError: A file or module in `extra`, or an installed package, does not import.
    """
    for kind in kinds:
        package = importlib.import_module(_PACKAGES[kind])
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
            importlib.import_module(module.name)
    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name):
        where = f"entry point {entry.name!r} ({entry.value})"
        try:
            entry.load()
        except UserError:
            raise
        except Exception as error:
            raise UserError(_because(error), where=where, remedy="fix or uninstall the package") from error
    for reference in extra:
        _load_reference(reference)


def _load_reference(reference: str) -> None:
    path = Path(reference)
    is_file = path.suffix == ".py" or path.exists()
    try:
        if not is_file:
            importlib.import_module(reference)
            return
        if not path.is_file():
            raise UserError("no such plug-in file", where=reference, remedy="give a .py file or a module name")
        name = f"medrobust_plugin_{path.stem}_{abs(hash(str(path.resolve())))}"
        if name in sys.modules:
            return
        spec = importlib.util.spec_from_file_location(name, path.resolve())
        if spec is None or spec.loader is None:
            raise UserError("not a Python file", where=reference, remedy="give a .py file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:
        raise UserError(_because(error), where=f"--plugin {reference}", remedy="fix the plug-in and try again") from error


def _because(error: Exception) -> str:
    return f"the plug-in does not import ({type(error).__name__}: {error})"
