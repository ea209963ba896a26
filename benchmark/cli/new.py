"""`python -m benchmark new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new(
    kind: Annotated[str, typer.Argument(help="attack, objective, gradient, defense, detector or study.")],
    name: Annotated[str, typer.Argument(help="Lower-case words joined by hyphens.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path(),
) -> None:
    """Write a small plug-in that works, and its test; existing files are left alone."""
    from string import Template

    from benchmark.cli.console import say
    from benchmark.cli.skeletons import SKELETONS, TEST

    _check(kind, name, list(SKELETONS))
    words = name.split("-") + ([] if name.split("-")[-1] == kind else [kind])
    # The kind is part of the file's name, so that no file hides a standard module (random, json, …) from its test.
    module = "_".join(words)
    values = {"kind": kind, "name": name, "module": module, "cls": "".join(word.capitalize() for word in words)}
    files = {
        out / f"{module}.py": Template(SKELETONS[kind]).substitute(values),
        out / f"test_{module}.py": Template(TEST).substitute(values),
    }
    _write(files)
    plugin, test = files
    say(f"wrote {plugin} and {test}")
    say(f"  test it:     pytest {test}")
    say(f"  look at it:  python -m benchmark describe {name} --plugin {plugin}")
    say(f"  run it:      name it in a suite file, then python -m benchmark run --suite FILE --plugin {plugin}")


def _check(kind: str, name: str, kinds: list[str]) -> None:
    from benchmark.core.discovery import load_plugins
    from benchmark.core.errors import UserError, did_you_mean
    from benchmark.core.plugin import is_name, registered

    if kind not in kinds:
        raise UserError(f"no skeleton for kind {kind!r}", where="new", remedy=did_you_mean(kind, kinds))
    if not is_name(name) or not name[0].isalpha():
        raise UserError(
            f"{name!r} is not a name", where="new", remedy="use lower-case words joined by hyphens, such as my-method"
        )
    load_plugins(kinds=[kind])
    if name in registered(kind):
        taken = registered(kind)[name].origin()
        raise UserError(f"{kind} {name!r} exists already ({taken})", where="new", remedy="choose another name")


def _write(files: dict[Path, str]) -> None:
    from benchmark.core.errors import UserError

    for path in files:
        if path.exists():
            raise UserError("is already there", where=str(path), remedy="choose another name or --out")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UserError(
                f"cannot be written ({error.strerror})", where=str(path), remedy="choose another --out"
            ) from error
