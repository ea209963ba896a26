"""Which of the libraries that medrobust needs are installed, work, and fit each other."""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from io import StringIO

_MODULES = {"pillow": "PIL", "scikit-image": "skimage", "scikit-learn": "sklearn"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:>=\s*([0-9.]+))?")
_PIN_OF_TORCH = re.compile(r"torch\s*\(?==\s*([0-9.]+)")


@dataclass(frozen=True)
class Library:
    """One library: its version, and what is wrong with it; `problem` is empty for a healthy one."""

    name: str
    version: str
    problem: str = ""
    remedy: str = ""


def libraries(distribution: str = "medrobust") -> Iterator[Library]:
    """Every library that `distribution` requires, imported to see whether it works."""
    try:
        required = requires(distribution) or []
    except PackageNotFoundError:
        yield Library(distribution, "none", "it is not installed", "pip install -c constraints.txt -e .")
        return
    for requirement in required:
        found = _REQUIREMENT.match(requirement)
        if found and "extra ==" not in requirement:
            yield _examine(found[1], found[2] or "")


def _examine(name: str, minimum: str) -> Library:
    try:
        installed = version(name)
    except PackageNotFoundError:
        return Library(name, "none", "it is not installed", f"pip install -c constraints.txt {name}")
    if minimum and _numbers(installed) < _numbers(minimum):
        return Library(
            name, installed, f"{minimum} or later is needed", f"pip install -c constraints.txt --upgrade {name}"
        )
    try:
        # Some libraries greet whoever imports them.
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            module = importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
            if name == "torchvision":
                # Its compiled part is not touched by the import in every version.
                _ = module.ops.nms
    except Exception as error:
        problem = f"it does not import ({type(error).__name__}: {error})"
        return Library(name, installed, problem, _remedy(name, installed))
    if name == "torchvision" and (mismatch := _torch_mismatch()):
        return Library(name, installed, mismatch, _remedy(name, installed))
    return Library(name, installed)


def _torch_mismatch() -> str:
    torch, pin = version("torch"), _torch_that_fits()
    if not pin or torch.partition("+")[0] == pin:
        return ""
    return f"it is built for torch {pin}, and torch {torch} is installed"


def _torch_that_fits() -> str:
    """The torch that the installed torchvision is built for."""
    pins = (_PIN_OF_TORCH.match(requirement) for requirement in requires("torchvision") or [])
    return next((pin[1] for pin in pins if pin), "")


def _remedy(name: str, installed: str) -> str:
    if name != "torchvision":
        return f"pip install -c constraints.txt --force-reinstall --no-deps {name}"
    pin = _torch_that_fits()
    torch = f"torch=={pin}" if pin else "torch"
    # A CPU-only torch from elsewhere beside the registry's torchvision has the right number and does not work either.
    return f"install both from one place: pip install --force-reinstall {torch} torchvision=={installed.split('+')[0]}"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3])
