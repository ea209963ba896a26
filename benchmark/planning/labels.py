"""Which labels a suite may give: they stand in tables, in file names, and in the globs of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from benchmark.core.errors import UserError, did_you_mean
from benchmark.suites.suite import Suite

PROBE = "probe"
"""Label of the cell that measures the flags of a row."""

DIAGNOSIS = "diagnosis"
"""Label of the cell that measures what a row must be read with."""

STUDY = "study"
"""Name of the table of studies among the cells, each of which has a label of its own."""

NONE = "none"
"""Label of the model without a defense, and what a board says where there is no detector."""

LONGEST = 64
_CHARACTERS = "letters, digits, spaces and . + - _ ( ) = , that begins with a letter or digit"
_ATTACKS = ("clean", "worst case", NONE, PROBE, DIAGNOSIS)
_LABEL = re.compile(r"[^\W_]|[^\W_][\w .+()=,-]*[\w.+)]")


def check_labels(suite: Suite, where: str) -> None:
    """Raise UserError for a label that cannot be told from another, or stands for something else.

    Args:
        suite: The suite.
        where: Name of its file.
    """
    _check("defense", suite.defense, (), f"{where}: defense")
    _check("detector", suite.detector, (NONE,), f"{where}: detector")
    for name, section in (("robustness", suite.robustness), ("detection", suite.detection)):
        if section is not None:
            _check("attack", section.attack, _ATTACKS, f"{where}: {name}.attack")
    _check("sweep", suite.sweep, (), f"{where}: sweep")
    _check("study", suite.study, _ATTACKS, f"{where}: study")
    if suite.transfer is not None:
        _check("classifier", suite.transfer.classifier, (), f"{where}: transfer.classifier")
    _check_undefended(suite, where)
    if not _LABEL.fullmatch(suite.name) or len(suite.name) > LONGEST:
        raise UserError(
            f"no suite can be called {suite.name!r}", where=f"{where}: name", remedy="it names the run's folder"
        )


def check_globs(globs: Iterable[str], labels: Iterable[str], where: str) -> None:
    """Raise UserError where one of `globs` matches none of `labels`, or there is no glob at all."""
    from fnmatch import fnmatchcase

    known, globs = list(labels), list(globs)
    if not globs:
        raise UserError("it names nothing", where=where, remedy='remove the key, or give a label or "*"')
    for glob in globs:
        if not any(fnmatchcase(label, glob) for label in known):
            raise UserError(f"{glob!r} matches nothing in the suite", where=where, remedy=did_you_mean(glob, known))


def _check(what: str, labels: Iterable[str], reserved: tuple[str, ...], where: str) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        plain = label.casefold()
        if plain in reserved:
            problem, remedy = "stands for something else", "give it another label, and its name as `method`"
        elif len(label) > LONGEST:
            problem, remedy = f"has {len(label):,} characters", f"give another label, of {LONGEST} or fewer"
        elif not _LABEL.fullmatch(label):
            problem, remedy = "is no label", f"give another label, of {_CHARACTERS}"
        elif plain in seen:
            problem, remedy = f"differs from {seen[plain]!r} in its case alone", "give it another label"
        else:
            seen[plain] = label
            continue
        raise UserError(f"no {what} can be called {label!r}: it {problem}", where=where, remedy=remedy)


def _check_undefended(suite: Suite, where: str) -> None:
    for label, table in suite.defense.items():
        if label.casefold() == NONE and (label, table.method or NONE) != (NONE, NONE):
            raise UserError(
                f"{label!r} stands for the model without a defense",
                where=f"{where}: defense.{label}",
                remedy="give it another label",
            )
