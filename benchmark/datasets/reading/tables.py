"""Columns of a table as text, from a CSV or Parquet file that may be damaged or hostile."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.core.errors import UserError, did_you_mean, in_words
from benchmark.core.plain_file import open_plain

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

MOST_BYTES = 2**26
"""Of the file, and of the columns that are unpacked from it."""

MOST_ROWS = 1_000_000
_PARQUET = b"PAR1"
_DELIMITERS = ",;\t"
_LINE = 2**16
_SHOWN, _LONGEST_NAME = 30, 60
_REMEDY = "save it as CSV in UTF-8, or as Parquet"


@dataclass(frozen=True)
class Columns:
    """Some columns of a table.

    Attributes:
        values: Of each column, by its name, one a row; empty where the table has nothing, or NaN.
        lines: Where each row stands: the line of a CSV file, the number of the row, from 1, in Parquet.
    """

    values: dict[str, list[str]]
    lines: list[int]


def read_columns(path: Path, needed: Sequence[str], welcome: Sequence[str] = ()) -> Columns:
    """The columns `needed`, and those of `welcome` that there are.

    A CSV file is in UTF-8, with or without a byte-order mark, has names in its first line and is separated by commas,
    semicolons or tabs, whichever its first line has most of. Whole numbers are the same text whatever type they have.

    Raises:
        UserError: It is no plain file, too large, neither CSV nor Parquet, or lacks columns: all of them are named.
    """
    wanted = tuple(dict.fromkeys([*needed, *welcome]))
    with open_plain(path, most=MOST_BYTES) as file:
        try:
            read = _parquet if file.peek(len(_PARQUET)).startswith(_PARQUET) else _csv
            found = read(file, path, needed, wanted)
        except (UserError, MemoryError):
            raise
        except Exception as error:  # a damaged file fails in any of a dozen ways, none of them worth a traceback
            raise UserError(f"is no readable table ({in_words(error)})", where=str(path), remedy=_REMEDY) from error
    if not found.lines:
        raise UserError("has no rows", where=str(path), remedy="give a row for each image")
    return found


def _present(names: Sequence[str], path: Path, needed: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Those of `wanted` that are among the names of the table's columns."""
    shown = sorted(name for name in names if len(name) <= _LONGEST_NAME)[:_SHOWN]
    missing = [f"{name!r} ({did_you_mean(name, shown)})" for name in needed if name not in names]
    if missing:
        raise UserError(
            f"has no column {', none '.join(missing)}",
            where=str(path),
            remedy="set file, label, patient, split and subgroups to names of its first line",
        )
    present = [name for name in wanted if name in names]
    for name, count in Counter(names).items():
        if count > 1 and name in present:
            raise UserError(f"has {count} columns {name!r}", where=str(path), remedy="rename all but one")
    return present


def _csv(file: BufferedReader, path: Path, needed: Iterable[str], wanted: Iterable[str]) -> Columns:
    text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
    first = text.readline(_LINE)
    text.seek(0)
    if not first.strip() or "\0" in first:
        raise UserError("is empty or no text", where=str(path), remedy=_REMEDY)
    rows = csv.reader(text, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    names = [name.strip() for name in next(rows, [])]
    present = _present(names, path, needed, wanted)
    values: dict[str, list[str]] = {name: [] for name in present}
    at = [(values[name], names.index(name)) for name in present]
    lines: list[int] = []
    for row in rows:
        if not row:
            continue
        if len(row) != len(names):
            problem = f"has {len(row)} fields, and the first line names {len(names)}"
            raise UserError(problem, where=f"{path}:{rows.line_num}", remedy="put text with separators in quotes")
        _check_rows(len(lines) + 1, path)
        lines.append(rows.line_num)
        for column, number in at:
            column.append(_text(row[number]))
    return Columns(values, lines)


def _parquet(file: BufferedReader, path: Path, needed: Iterable[str], wanted: Iterable[str]) -> Columns:
    from pyarrow import parquet, types

    schema = parquet.read_schema(file)
    present = _present(schema.names, path, needed, wanted)
    kinds = {name: schema.field(name).type for name in present}
    for name, kind in kinds.items():
        if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
            raise UserError(f"column {name!r} holds {kind}, not text or numbers", where=str(path), remedy=_REMEDY)
    # As a dictionary a text that stands in every row is held once.
    texts = [name for name, kind in kinds.items() if types.is_string(kind) or types.is_large_string(kind)]
    source = parquet.ParquetFile(file, read_dictionary=texts)
    _check_rows(source.metadata.num_rows, path)
    unpacked = sum(_unpacked(source.metadata, present))
    if unpacked > MOST_BYTES:
        problem = f"its columns unpack to {unpacked:,} bytes, and no more than {MOST_BYTES:,} are read"
        raise UserError(problem, where=str(path), remedy="split the table")
    table = source.read(columns=present, use_threads=False)
    return Columns({name: _texts(table.column(name)) for name in present}, list(range(1, table.num_rows + 1)))


def _unpacked(metadata: Any, names: Sequence[str]) -> Iterator[int]:
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        parts = (group.column(number) for number in range(group.num_columns))
        yield from (part.total_uncompressed_size for part in parts if part.path_in_schema in names)


def _texts(column: ChunkedArray) -> list[str]:
    found: list[str] = []
    for chunk in column.chunks:
        if hasattr(chunk, "dictionary"):
            values = [_text(value) for value in chunk.dictionary.to_pylist()]
            found += ["" if at is None else values[at] for at in chunk.indices.to_pylist()]
        else:
            found += [_text(value) for value in chunk.to_pylist()]
    return found


def _text(value: Any) -> str:
    """A cell as text, empty where it says nothing; a column of whole numbers with gaps is one of floats to Parquet."""
    if isinstance(value, float):
        value = "" if math.isnan(value) else int(value) if value.is_integer() else value
    written = "" if value is None else str(value).strip()
    return "" if written.lower() == "nan" else written


def _check_rows(count: int, path: Path) -> None:
    if count > MOST_ROWS:
        raise UserError(f"has more than {MOST_ROWS:,} rows", where=str(path), remedy="split the table")
