"""Rows of a table as image files, every row that cannot be used told at once."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmark.core.errors import UserError, did_you_mean
from benchmark.core.plain_file import kind
from benchmark.datasets.reading.unusable import unusable

SPLITS = ("train", "val", "test")
"""What a split may be called."""

LONGEST = 100
"""Characters of a label, a patient, a split or the value of a subgroup."""

_REMEDY = "correct these rows, or the settings that name columns and classes"


@dataclass(frozen=True)
class Row:
    """What a table says of an image.

    Attributes:
        line: Where it stands in the table.
        file: As it is written.
        path: Where that is.
        label: Name of the class.
        patient, split: Empty where the table has no such column.
        subgroups: A value for each column that is kept.
    """

    line: int
    file: str
    path: Path
    label: str
    patient: str
    split: str
    subgroups: tuple[str, ...]


def check_rows(
    rows: Sequence[Row], *, classes: Sequence[str] | None, patients: bool, splits: bool, table: Path
) -> None:
    """Raise UserError where rows cannot be used: all of them, or the first and how many more.

    Args:
        rows: All of the table's.
        classes: The labels that there may be; None for any.
        patients, splits: Whether every row must say whose an image is, and in which split.
        table: For messages.
    """
    problems = [
        UserError(problem, where=f"{table}:{row.line}", remedy=_REMEDY)
        for row in rows
        for problem in _alone(row, classes, patients, splits)
    ]
    problems += [UserError(problem, where=f"{table}:{row.line}", remedy=_REMEDY) for row, problem in _together(rows)]
    if problems:
        raise unusable(problems, of=len(rows))


def _alone(row: Row, classes: Sequence[str] | None, patients: bool, splits: bool) -> Iterator[str]:
    """What is wrong with a row by itself."""
    for name, value in (("file", row.file), ("label", row.label)):
        if not value:
            yield f"has no {name}"
    if max(map(len, (row.label, row.patient, row.split, *row.subgroups))) > LONGEST:
        yield f"has a label, patient, split or subgroup of more than {LONGEST} characters"
        return
    if row.label and classes and row.label not in classes:
        yield f"has label {row.label!r}, which is not in classes ({_meant(row.label, tuple(classes))})"
    if patients and not row.patient:
        yield "has no patient"
    if splits and row.split not in SPLITS:
        yield f"has split {row.split!r} ({_meant(row.split, SPLITS)})" if row.split else "has no split"
    if row.file and (problem := _no_file(row.path)):
        yield f"names {_shown(row.file)}, which {problem}"


def _together(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """What is wrong with rows beside others."""
    first: dict[str, int] = {}
    for row in rows:
        place = os.path.normpath(row.path)
        if row.file and first.setdefault(place, row.line) != row.line:
            yield row, f"names {_shown(row.file)} again, as line {first[place]} does"
    splits: dict[str, set[str]] = defaultdict(set)
    last: dict[str, Row] = {}
    for row in rows:
        if row.patient and (row.split in SPLITS):
            splits[row.patient].add(row.split)
            last[row.patient] = row
    for patient, found in splits.items():
        if len(found) > 1:
            yield last[patient], f"has patient {patient!r}, who is in {' and '.join(sorted(found))}"


def _no_file(path: Path) -> str:
    try:
        found = kind(path)
    except UserError as error:
        return error.problem
    return "is not there" if not found else "" if found == "a file" else f"is {found}, not a file"


@cache
def _meant(name: str, known: tuple[str, ...]) -> str:
    return did_you_mean(name, list(known))


def _shown(file: str) -> str:
    return repr(file if len(file) <= LONGEST else f"{file[:LONGEST]}…")
