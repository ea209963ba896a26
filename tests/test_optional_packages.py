"""The type check must pass where none of the optional packages is installed."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmark", "attacks", "defenses", "detectors", "leaderboard")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def imported() -> set[str]:
    """The top-level names of every module that the five packages import, anywhere in a file."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def named(requirement: str) -> str:
    """The distribution that a requirement such as `numpy>=1.26` asks for, spelled as the index spells it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[( ]", requirement)[0]).lower()


def with_their_needs(requirements: list[str]) -> set[str]:
    """The distributions asked for, and all that they need in turn without an extra."""
    found: set[str] = set()
    waiting = [named(requirement) for requirement in requirements]
    while waiting:
        distribution = waiting.pop()
        if distribution in found:
            continue
        found.add(distribution)
        try:
            needs = importlib.metadata.requires(distribution) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [named(need) for need in needs if "extra ==" not in need]
    return found


def test_what_ci_does_not_install_is_known_to_the_type_check() -> None:
    project = PROJECT["project"]
    installed = project["dependencies"] + [
        need for extra in ("test", "lint") for need in project["optional-dependencies"][extra]
    ]
    distributions = with_their_needs(installed)
    provided = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if distributions & {named(owner) for owner in owners}
    }
    left_alone = {
        module.removesuffix(".*")
        for override in PROJECT["tool"]["mypy"]["overrides"]
        if override.get("ignore_missing_imports")
        for module in override["module"]
    }
    unknown = imported() - set(sys.stdlib_module_names) - set(PACKAGES) - provided - left_alone
    assert not unknown, f"mypy fails without {sorted(unknown)}: name them under [[tool.mypy.overrides]]"
